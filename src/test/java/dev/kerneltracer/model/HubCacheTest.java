package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a cache holds, whether it is complete, and what goes when a model is evicted.
class HubCacheTest {
  private static final String NAME = "org/tiny";

  @TempDir Path directory;

  private final LocalHub hub = new LocalHub();
  private final Map<String, byte[]> files = TinyModel.files(20_000);

  @BeforeEach
  void publish() {
    hub.publish(NAME, "main", files);
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  @Test
  void aWholeSnapshotHasNoFault() throws Exception {
    SnapshotCheck check = SnapshotCheck.of(fetched(NAME, "main"), true);

    assertThat(check.faults()).isEmpty();
    assertThat(check.notes()).isEmpty();
    assertThat(check.mend()).isNull();
  }

  @Test
  void eachFaultIsFoundAndNamed() throws Exception {
    HubCache.Snapshot snapshot = fetched(NAME, "main");
    Path first = snapshot.directory().resolve(TinyModel.FIRST).toRealPath();
    Path second = snapshot.directory().resolve(TinyModel.SECOND);
    Path blobs = first.resolveSibling("");

    try (RandomAccessFile file = new RandomAccessFile(first.toFile(), "rw")) {
      file.setLength(10_000);
    }
    Files.delete(second.toRealPath());
    Files.write(blobs.resolve("abc.incomplete"), new byte[17]);
    Files.delete(snapshot.directory().resolve("config.json"));
    Files.write(blobs.resolve("x"), TinyModel.text("{"));
    Files.delete(snapshot.directory().resolve("tokenizer.json"));
    Files.createSymbolicLink(
        snapshot.directory().resolve("tokenizer.json"), Path.of("../../blobs/x"));
    SnapshotCheck check = SnapshotCheck.of(snapshot, false);

    assertThat(check.faults())
        .extracting(SnapshotCheck.Fault::text)
        .containsExactly(
            "config.json is missing",
            TinyModel.FIRST
                + " is cut short: "
                + (content(TinyModel.FIRST).length - 10_000)
                + " bytes of its tensors are missing",
            TinyModel.SECOND + " is a link to nothing",
            "tokenizer.json is no JSON");
    assertThat(check.notes())
        .containsExactly("an interrupted download left 17 bytes in abc.incomplete");
    assertThat(check.mend()).isEqualTo("kerneltracer models download org/tiny --verify");
    assertThat(check.isComplete(false)).isFalse();
  }

  @Test
  void aShardThatTheIndexNamesMustBeThereWithItsTensors() throws Exception {
    HubCache.Snapshot snapshot = fetched(NAME, "main");
    Files.delete(snapshot.directory().resolve(TinyModel.SECOND));
    Files.delete(snapshot.directory().resolve(TinyModel.FIRST));
    Files.write(
        snapshot.directory().resolve(TinyModel.FIRST), TinyModel.safetensors(4000, 1, "a", "z"));

    SnapshotCheck check = SnapshotCheck.of(snapshot, false);

    assertThat(check.faults())
        .extracting(SnapshotCheck.Fault::text)
        .containsExactly(
            TinyModel.FIRST + " lacks 1 tensors, such as b", TinyModel.SECOND + " is missing");
    assertThat(check.isComplete(false)).isTrue();
    assertThat(check.isComplete(true)).isFalse();
  }

  @Test
  void safetensorsAreReadByTheirOwnHeader() throws IOException {
    Path file = directory.resolve("x.safetensors");
    byte[] whole = TinyModel.safetensors(1000, 1, "a", "b");

    assertThat(fault(file, whole)).isNull();
    assertThat(fault(file, Arrays.copyOf(whole, whole.length - 1)))
        .isEqualTo("is cut short: 1 bytes of its tensors are missing");
    assertThat(fault(file, Arrays.copyOf(whole, whole.length + 3)))
        .isEqualTo("has 3 bytes too many");
    assertThat(fault(file, Arrays.copyOf(whole, 20))).contains("within its header");
    assertThat(fault(file, new byte[3])).isEqualTo("has 3 bytes");
    assertThat(fault(file, new byte[1000])).contains("no safetensors");
    byte[] badJson = whole.clone();
    badJson[8] = 'x';
    assertThat(fault(file, badJson)).contains("no JSON");
    String text = new String(whole, StandardCharsets.ISO_8859_1);
    assertThat(fault(file, latin(text.replace("[0, 500]", "[0, 400]")))).contains("offsets for a");
    assertThat(
            fault(
                file,
                latin(
                    text.replace(
                            "\"a\": {\"dtype\": \"F32\", \"shape\": [125]",
                            "\"a\": {\"dtype\": \"X32\", \"shape\": [125]")
                        .replace("[0, 500]", "[0, 400]"))))
        .contains("gap or an overlap at b");
  }

  @Test
  void evictingASnapshotKeepsWhatOthersShow() throws Exception {
    hub.publish(NAME, "v1", TinyModel.with(files, "config.json", TinyModel.text("{\"v\": 1}")));
    hub.publish("org/fork", "main", files);
    fetched(NAME, "v1");
    fetched("org/fork", "main");
    HubCache.Snapshot main = fetched(NAME, "main");
    HubCache cache = new HubCache(directory);

    assertThat(cache.evict(main)).isZero(); // config.json is the fork's too, all else v1's
    assertThat(cache.snapshot(NAME, "v1")).isNotNull();
    assertThat(SnapshotCheck.of(found("v1"), true).faults()).isEmpty();
    assertThat(directory.resolve("models--org--tiny/refs/main")).doesNotExist();
    assertThat(cache.snapshots(NAME)).hasSize(1);

    assertThat(cache.evict(found("v1"))).isEqualTo("{\"v\": 1}".length());
    assertThat(directory.resolve("models--org--tiny")).doesNotExist();
    HubCache.Snapshot fork = Objects.requireNonNull(cache.snapshot("org/fork", "main"));
    assertThat(SnapshotCheck.of(fork, true).faults()).isEmpty();
    assertThat(cache.evict(fork)).isEqualTo(fork.sizeBytes());
    assertThat(cache.names()).isEmpty();
  }

  @Test
  void whatIsInUseIsNotEvicted() throws Exception {
    HubCache.Snapshot snapshot = fetched(NAME, "main");
    HubCache cache = new HubCache(directory);

    try (HubCache.Use _ = cache.use(NAME);
        HubCache.Use _ = cache.use(NAME)) {
      assertThat(cache.evict(snapshot)).isEqualTo(-1);
    }
    assertThat(SnapshotCheck.of(snapshot, true).faults()).isEmpty();
    assertThat(cache.evict(snapshot)).isPositive();
  }

  @Test
  void aBlobThatIsBeingFetchedIsNotEvicted() throws Exception {
    HubCache.Snapshot snapshot = fetched(NAME, "main");
    Path blob = snapshot.directory().resolve(TinyModel.FIRST).toRealPath();
    Path lock = directory.resolve(".locks/models--org--tiny").resolve(blob.getFileName() + ".lock");

    try (HubLock held = HubLock.tryAlone(lock)) {
      assertThat(held).isNotNull();
      new HubCache(directory).evict(snapshot);
    }

    try (Stream<Path> left = Files.list(blob.resolveSibling(""))) {
      assertThat(left).containsExactly(blob);
    }
  }

  @Test
  void theListSaysWhatIsThere() throws Exception {
    HubCache.Snapshot snapshot = fetched(NAME, "main");

    assertThat(new HubCache(directory).names()).containsExactly(NAME);
    assertThat(snapshot.refs()).containsExactly("main");
    assertThat(snapshot.files()).isEqualTo(8);
    assertThat(snapshot.sizeBytes()).isBetween(40_000L, 42_000L);
  }

  private HubCache.Snapshot fetched(String name, String revision) throws InterruptedException {
    HubSettings settings =
        HubSettings.of(Map.of("HF_ENDPOINT", hub.endpoint()))
            .waiting(Duration.ofSeconds(5), Duration.ofMillis(10));
    HubCache cache = new HubCache(directory);
    try (HubDownload download = new HubDownload(settings, cache, 4)) {
      assertThat(
              download.fetch(
                  new HubDownload.Request(
                      name, revision, FileSelection.all(), false, Duration.ofMinutes(1))))
          .isInstanceOf(DownloadEnd.Complete.class);
    }
    return Objects.requireNonNull(cache.snapshot(name, revision));
  }

  private HubCache.Snapshot found(String revision) {
    return Objects.requireNonNull(new HubCache(directory).snapshot(NAME, revision));
  }

  private byte[] content(String file) {
    return Objects.requireNonNull(files.get(file));
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static @Nullable String fault(Path file, byte[] content) throws IOException {
    Files.write(file, content);
    return SafetensorsFile.read(file).fault();
  }
}
