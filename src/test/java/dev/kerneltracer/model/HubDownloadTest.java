package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.model.DownloadEnd.Complete;
import dev.kerneltracer.model.DownloadEnd.Failed;
import dev.kerneltracer.model.DownloadEnd.Failure;
import dev.kerneltracer.model.LocalHub.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Downloads from a hub that misbehaves: nothing damaged becomes visible, nothing that is here is
/// fetched again, and each end says why.
class HubDownloadTest {
  private static final String NAME = "org/tiny";
  private static final int SHARD = 300_000;

  @TempDir Path directory;

  private final LocalHub hub = new LocalHub();
  private final Map<String, byte[]> files = TinyModel.files(SHARD);
  private final Map<String, String> environment =
      new HashMap<>(Map.of("HF_ENDPOINT", hub.endpoint(), "HF_TOKEN", "hf_s3cret"));

  @AfterEach
  void stop() {
    hub.close();
  }

  @Test
  void aModelIsLaidOutAsHuggingfaceHubDoesIt() throws Exception {
    String commit = hub.publish(NAME, "main", files);

    Complete end = complete(fetch(request()));

    assertThat(end.commit()).isEqualTo(commit);
    assertThat(end.fetchedBytes()).isEqualTo(end.bytes());
    assertThat(relative(end.directory()))
        .containsExactly(
            "config.json",
            "custom/__init__.py",
            "custom/modeling_tiny.py",
            TinyModel.FIRST,
            TinyModel.SECOND,
            "model.safetensors.index.json",
            "tokenizer.json",
            "tokenizer_config.json");
    for (String file : relative(end.directory())) {
      assertThat(end.directory().resolve(file)).hasBinaryContent(content(file));
    }
    String sha256 = LocalHub.hex("SHA-256", content(TinyModel.FIRST));
    assertThat(Files.readSymbolicLink(end.directory().resolve(TinyModel.FIRST)))
        .hasToString("../../blobs/" + sha256);
    assertThat(Files.readSymbolicLink(end.directory().resolve("custom/modeling_tiny.py")))
        .hasToString(
            "../../../blobs/"
                + LocalHub.hex("SHA-1", TinyModel.text("blob 6\0"), TinyModel.text("x = 1\n")));
    assertThat(model().resolve("refs/main")).hasContent(commit);
    assertThat(directory.resolve(".locks/models--org--tiny/" + sha256 + ".lock")).exists();
    assertThat(leftovers()).isEmpty();
    assertThat(hub.seen()).noneMatch(seen -> seen.path().contains("README"));
  }

  @Test
  void theTokenGoesToTheHubAlone() throws Exception {
    hub.publish(NAME, "main", files);

    complete(fetch(request()));

    assertThat(hub.seen())
        .filteredOn(seen -> !seen.ofStore())
        .isNotEmpty()
        .allMatch(seen -> "Bearer hf_s3cret".equals(seen.token()));
    assertThat(hub.seen())
        .filteredOn(LocalHub.Seen::ofStore)
        .hasSizeGreaterThanOrEqualTo(2)
        .allMatch(seen -> seen.token() == null);
  }

  @Test
  void noMessageShowsTheTokenOrASignedAddress() throws Exception {
    hub.publish(NAME, "main", files);
    for (int i = 0; i < 10; i++) {
      hub.plan(TinyModel.FIRST, new Fault.Status(503, Map.of()));
    }

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.UNREACHABLE);
    assertThat(end.toString()).contains("503").doesNotContain("s3cret");
    assertThat(HubSettings.of(environment).toString()).doesNotContain("s3cret");
  }

  @Test
  void whatIsHereIsNotAskedForAgain() throws Exception {
    hub.publish(NAME, "main", files);
    complete(fetch(request()));
    long sent = hub.sentBytes(TinyModel.FIRST);
    hub.seen().clear();

    Complete again = complete(fetch(request()));
    assertThat(again.fetchedBytes()).isZero();
    assertThat(hub.seen()).allMatch(seen -> seen.path().startsWith("/api/"));

    hub.seen().clear();
    assertThat(complete(provide(request())).directory()).isEqualTo(again.directory());
    assertThat(hub.seen()).isEmpty();
    assertThat(hub.sentBytes(TinyModel.FIRST)).isEqualTo(sent);
  }

  @Test
  void aConnectionThatBreaksIsTakenUpWhereItBroke() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.BreakOff(100_000), new Fault.BreakOff(50_000));

    complete(fetch(request()));

    // What a broken connection held back is lost, never more.
    assertThat(hub.sentBytes(TinyModel.FIRST))
        .isBetween(
            (long) content(TinyModel.FIRST).length, content(TinyModel.FIRST).length + 150_000L);
    assertThat(ranges(TinyModel.FIRST)).hasSize(3).doesNotContain("bytes=0-");
    assertWhole();
  }

  @Test
  void aServerThatFallsSilentIsLeft() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Stall(100_000)).plan("config.json", new Fault.Stall(0));

    try (HubDownload download =
        new HubDownload(settings(Duration.ofSeconds(1)), new HubCache(directory), 4)) {
      complete(download.fetch(request()));
    }

    // A busy machine may make a server look silent once more.
    assertThat(hub.gets(TinyModel.FIRST)).isGreaterThanOrEqualTo(2);
    assertWhole();
  }

  @Test
  void aSlowServerIsNotASilentOne() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Slow(20_000, Duration.ofMillis(40)));

    complete(fetch(request()));

    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(1);
  }

  @Test
  void aServerThatIgnoresRangeIsReadFromTheStart() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.BreakOff(100_000), new Fault.IgnoreRange(null));

    complete(fetch(request()));

    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(2);
    assertWhole();
  }

  @Test
  void aServerThatBreaksOffAndIgnoresRangeIsGivenUp() throws Exception {
    hub.publish(NAME, "main", files);
    for (int i = 0; i < 20; i++) {
      hub.plan(TinyModel.FIRST, new Fault.IgnoreRange(100_000));
    }

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.UNREACHABLE);
    assertThat(hub.gets(TinyModel.FIRST)).isLessThan(10);
    assertInvisible();
  }

  @Test
  void aWrongHashIsFetchedAgain() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Garbage())
        .plan("config.json", new Fault.Garbage())
        .plan(TinyModel.SECOND, new Fault.TooLong());

    complete(fetch(request()));

    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(2);
    assertThat(hub.gets("config.json")).isEqualTo(2);
    assertThat(hub.gets(TinyModel.SECOND)).isEqualTo(2);
    assertWhole();
  }

  @ParameterizedTest
  @ValueSource(strings = {TinyModel.FIRST, "config.json"})
  void whatIsAlwaysDamagedNeverBecomesVisible(String file) throws Exception {
    hub.publish(NAME, "main", files);
    for (int i = 0; i < 10; i++) {
      hub.plan(file, new Fault.Garbage());
    }

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.CORRUPT);
    assertThat(end.reason()).contains(file, "hash");
    assertInvisible();
    String sha256 = LocalHub.hex("SHA-256", content(file));
    assertThat(leftovers()).noneMatch(left -> left.contains(sha256));
  }

  @Test
  void whatAnEarlierProcessLeftIsUsed() throws Exception {
    hub.publish(NAME, "main", files);
    byte[] whole = content(TinyModel.FIRST);
    Path part = incomplete(TinyModel.FIRST);
    Files.createDirectories(part.getParent());
    Files.write(part, Arrays.copyOf(whole, 200_000));

    Complete end = complete(fetch(request()));

    assertThat(hub.sentBytes(TinyModel.FIRST)).isEqualTo(whole.length - 200_000);
    assertThat(end.fetchedBytes()).isEqualTo(end.bytes() - 200_000);
    assertWhole();
  }

  @Test
  void whatAnEarlierProcessLeftDamagedIsNotTrusted() throws Exception {
    hub.publish(NAME, "main", files);
    for (String shard : List.of(TinyModel.FIRST, TinyModel.SECOND)) {
      Files.createDirectories(incomplete(shard).getParent());
      // Of one a wrong beginning, of the other more than there should be.
      Files.write(incomplete(shard), new byte[shard.equals(TinyModel.FIRST) ? 200_000 : 900_000]);
    }

    complete(fetch(request()));

    assertWhole();
  }

  @Test
  void aFullRateIsWaitedFor() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan("api", new Fault.Status(429, Map.of("Retry-After", "1")))
        .plan("tokenizer.json", new Fault.Status(429, Map.of("RateLimit", "\"api\";r=0;t=1")));
    long startNs = System.nanoTime();

    complete(fetch(request()));

    assertThat(System.nanoTime() - startNs).isGreaterThan(1_900_000_000L);
  }

  @Test
  void aRateThatIsFullForHoursIsNot() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan("api", new Fault.Status(429, Map.of("Retry-After", "36000")));

    assertThat(failed(fetch(request())).failure()).isEqualTo(Failure.UNREACHABLE);
  }

  @Test
  void serverErrorsAreTriedAgain() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan("api", new Fault.Status(500, Map.of()), new Fault.Status(504, Map.of()))
        .plan(TinyModel.FIRST, new Fault.Status(503, Map.of()), new Fault.Status(403, Map.of()));

    complete(fetch(request()));

    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(3);
  }

  @Test
  void aHubThatIsNotThereIsSaid() throws Exception {
    hub.close();

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.UNREACHABLE);
    assertThat(end.reason()).contains("cannot reach " + hub.endpoint(), "connection refused");
    assertThat(end.failure().mayPass()).isTrue();
  }

  @Test
  void aGatedModelIsKnownAfterItsFirstFile() throws Exception {
    hub.publish(NAME, "main", files);
    hub.gate(NAME, "hf_other");

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.GATED);
    assertThat(end.failure().mayPass()).isFalse();
    assertThat(end.hint()).contains("Accept its terms", "the token of HF_TOKEN");
    assertThat(hub.seen()).filteredOn(seen -> seen.path().contains("/resolve/")).hasSize(1);

    environment.remove("HF_TOKEN");
    environment.put("HF_HOME", directory.toString());
    assertThat(failed(fetch(request())).hint()).contains("hf auth login");
    Files.writeString(directory.resolve("token"), "hf_other\n");
    complete(fetch(request()));
  }

  @Test
  void whatTheHubDoesNotHaveIsSaid() throws Exception {
    hub.publish(NAME, "main", files);

    Failed model = failed(fetch(HubDownload.Request.of("org/none")));
    Failed revision = failed(fetch(revision("v9")));
    Failed file = failed(fetch(selection(List.of("*.nothing"), List.of())));
    Failed name = failed(fetch(HubDownload.Request.of("org/../../none")));

    assertThat(List.of(model, revision, file, name))
        .allMatch(end -> end.failure() == Failure.NOT_FOUND);
    assertThat(model.reason()).contains("no such model");
    assertThat(revision.reason()).contains("no such revision");
    assertThat(model.toException().hint()).contains("org/name");
    assertThat(directory.resolve("models--org--none")).doesNotExist();
  }

  @Test
  void aTokenThatTheHubDoesNotKnowIsSaid() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(
        "api",
        new Fault.Status(
            401, Map.of("X-Error-Message", "Invalid credentials in Authorization header")));

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.BAD_TOKEN);
    assertThat(end.reason()).contains("the token of HF_TOKEN").doesNotContain("hf_s3cret");
  }

  @Test
  void offlineNothingIsAskedOfTheNetwork() throws Exception {
    hub.publish(NAME, "main", files);
    environment.put("HF_HUB_OFFLINE", "1");

    assertThat(failed(fetch(request())).failure()).isEqualTo(Failure.OFFLINE);
    assertThat(hub.seen()).isEmpty();

    environment.remove("HF_HUB_OFFLINE");
    complete(fetch(request()));
    hub.seen().clear();
    environment.put("TRANSFORMERS_OFFLINE", "YES");
    complete(fetch(request()));
    assertThat(hub.seen()).isEmpty();
  }

  @Test
  void aTimeLimitEndsIt() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Slow(1000, Duration.ofMillis(100)));

    Failed end =
        failed(
            fetch(
                new HubDownload.Request(
                    NAME, "main", FileSelection.all(), false, Duration.ofSeconds(4))));

    assertThat(end.failure()).isEqualTo(Failure.TIMEOUT);
    assertInvisible();
    assertThat(Files.size(incomplete(TinyModel.FIRST))).isPositive();
  }

  @Test
  void anInterruptStopsTheTransfersAndKeepsWhatHasCome() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Slow(10_000, Duration.ofMillis(100)));
    CountDownLatch interrupted = new CountDownLatch(1);
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                fetch(request());
              } catch (InterruptedException e) {
                interrupted.countDown();
              }
            });
    while (!Files.exists(incomplete(TinyModel.FIRST))
        || Files.size(incomplete(TinyModel.FIRST)) < 50_000) {
      Thread.sleep(5);
    }

    thread.interrupt();
    thread.join(Duration.ofMinutes(1));

    assertThat(interrupted.getCount()).isZero();
    long kept = Files.size(incomplete(TinyModel.FIRST));
    assertThat(kept).isBetween(50_000L, SHARD - 1L);
    assertThat(complete(fetch(request())).fetchedBytes())
        .isLessThanOrEqualTo(
            content(TinyModel.FIRST).length + content(TinyModel.SECOND).length + 1000 - kept);
    assertThat(ranges(TinyModel.FIRST).getLast()).startsWith("bytes=" + kept + "-");
  }

  @Test
  void aRevisionHasItsOwnSnapshotAndSharesWhatIsTheSame() throws Exception {
    String first = hub.publish(NAME, "v1", files);
    String second =
        hub.publish(NAME, "main", TinyModel.with(files, "config.json", TinyModel.text("[]")));

    complete(fetch(revision("v1")));
    Complete newer = complete(fetch(request()));
    Complete byCommit = complete(fetch(revision(first)));

    assertThat(newer.fetchedBytes()).isEqualTo(2);
    assertThat(byCommit.fetchedBytes()).isZero();
    assertThat(model().resolve("refs/v1")).hasContent(first);
    assertThat(model().resolve("refs/main")).hasContent(second);
    assertThat(relative(model().resolve("refs"))).containsExactly("main", "v1");
    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(1);
  }

  @Test
  void theSameContentInAnotherModelIsNotFetched() throws Exception {
    hub.publish(NAME, "main", files);
    hub.publish("org/fork", "main", files);

    try (HubDownload download = download(4);
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      Future<DownloadEnd> one = threads.submit(() -> download.fetch(request()));
      Future<DownloadEnd> two =
          threads.submit(() -> download.fetch(HubDownload.Request.of("org/fork")));
      complete(one.get());
      complete(two.get());
    }

    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(1);
    assertThat(hub.gets(TinyModel.SECOND)).isEqualTo(1);
    assertThat(hub.gets("config.json")).isEqualTo(1);
    assertWhole();
  }

  @Test
  void manyModelsAtOnceKeepToTheWorkers() throws Exception {
    for (int i = 0; i < 6; i++) {
      hub.publish("org/m" + i, "main", TinyModel.files(20_000, 10L * i));
    }
    try (HubDownload download = download(2);
        ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Future<DownloadEnd>> ends =
          Stream.iterate(0, i -> i + 1)
              .limit(6)
              .map(i -> threads.submit(() -> download.fetch(HubDownload.Request.of("org/m" + i))))
              .toList();
      for (Future<DownloadEnd> end : ends) {
        complete(end.get());
      }
      DownloadProgress progress = download.progress();
      assertThat(progress.filesDone()).isEqualTo(progress.files()).isEqualTo(48);
      assertThat(progress.bytesDone()).isEqualTo(progress.bytes());
    }
  }

  @Test
  void aDamagedFileIsFoundAndMendedOnRequest() throws Exception {
    hub.publish(NAME, "main", files);
    Complete end = complete(fetch(request()));
    Path blob = end.directory().resolve(TinyModel.FIRST).toRealPath();
    try (FileChannel channel = FileChannel.open(blob, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[100]), 200_000);
    }

    complete(
        fetch(
            new HubDownload.Request(
                NAME, "main", FileSelection.all(), true, HubDownload.DEFAULT_TIMEOUT)));

    assertThat(hub.gets(TinyModel.FIRST)).isEqualTo(2);
    assertThat(hub.gets(TinyModel.SECOND)).isEqualTo(1);
    assertWhole();
  }

  @Test
  void aFileOfTheWrongLengthIsMendedUnasked() throws Exception {
    hub.publish(NAME, "main", files);
    Complete end = complete(fetch(request()));
    Path blob = end.directory().resolve(TinyModel.SECOND).toRealPath();
    try (FileChannel channel = FileChannel.open(blob, StandardOpenOption.WRITE)) {
      channel.truncate(1000);
    }

    complete(provide(request()));

    assertWhole();
  }

  @Test
  void aMirrorWithoutTreesIsAskedForEachFile() throws Exception {
    hub.forgetTree();
    hub.publish(NAME, "main", files);

    complete(fetch(request()));

    assertThat(hub.seen()).anyMatch(seen -> seen.method().equals("HEAD"));
    assertThat(hub.seen()).noneMatch(seen -> seen.path().endsWith(".gguf"));
    assertWhole();
  }

  @Test
  void withoutWeightsTheRestComesAndTheWeightsLater() throws Exception {
    hub.publish(NAME, "main", files);
    HubDownload.Request small =
        new HubDownload.Request(
            NAME, "main", FileSelection.withoutWeights(), false, HubDownload.DEFAULT_TIMEOUT);

    Complete end = complete(provide(small));

    assertThat(relative(end.directory())).contains("config.json").doesNotContain(TinyModel.FIRST);
    hub.seen().clear();
    complete(provide(small));
    assertThat(hub.seen()).isEmpty();
    complete(provide(request()));
    assertWhole();
  }

  @Test
  void globsChooseTheFiles() throws Exception {
    hub.publish(NAME, "main", files);

    Complete end =
        complete(fetch(selection(List.of("*.json", "onnx/"), List.of("tokenizer*", "*.index.*"))));

    assertThat(relative(end.directory())).containsExactly("config.json", "onnx/model.onnx");
  }

  @Test
  void withoutSymlinksASnapshotHasFiles() throws Exception {
    hub.publish(NAME, "main", files);
    environment.put("HF_HUB_DISABLE_SYMLINKS", "1");

    Complete end = complete(fetch(request()));

    assertThat(end.directory().resolve(TinyModel.FIRST)).isRegularFile();
    assertThat(Files.isSymbolicLink(end.directory().resolve(TinyModel.FIRST))).isFalse();
    assertWhole();
    assertThat(complete(fetch(request())).fetchedBytes()).isZero();
  }

  @Test
  void aMirrorWithAPathOfItsOwnIsAskedThere() {
    HubSettings settings = HubSettings.of(Map.of("HF_ENDPOINT", "https://art.example.org/api/hf/"));

    assertThat(HubListing.resolve(settings, NAME, "abc", "a dir/ü.json"))
        .hasToString("https://art.example.org/api/hf/org/tiny/resolve/abc/a%20dir/%C3%BC.json");
  }

  @Test
  void aMissingDiskSpaceIsKnownBeforehand() throws Exception {
    Map<String, byte[]> huge = new HashMap<>(files);
    hub.publish(NAME, "main", huge);
    long free = Files.getFileStore(directory).getUsableSpace();
    hub.claimSize(TinyModel.FIRST, free);

    Failed end = failed(fetch(request()));

    assertThat(end.failure()).isEqualTo(Failure.NO_SPACE);
    assertThat(end.reason()).contains("GiB", "are free");
    assertThat(hub.gets("config.json")).isZero();
  }

  @Test
  void aDiskThatFillsMeanwhileIsSaidAndWhatCameIsKept() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Slow(10_000, Duration.ofMillis(100)));
    Path mount = Files.createDirectory(directory.resolve("small"));
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", mount.toString()) == 0,
        "mounting a tmpfs needs root");
    try (HubDownload download = new HubDownload(settings(), new HubCache(mount), 4);
        ExecutorService thread = Executors.newSingleThreadExecutor()) {
      Future<DownloadEnd> end = thread.submit(() -> download.fetch(request()));
      Path part = mount.resolve(directory.relativize(incomplete(TinyModel.FIRST)));
      while (!Files.exists(part) || Files.size(part) < 50_000) {
        Thread.sleep(5);
      }
      Path other = mount.resolve("other");
      assertThatThrownBy(() -> Files.write(other, new byte[1_000_000]))
          .isInstanceOf(IOException.class);

      Failed failed = failed(end.get());

      assertThat(failed.failure()).isEqualTo(Failure.NO_SPACE);
      assertThat(failed.hint()).contains("goes on where it stopped");
      assertThat(mount.resolve("models--org--tiny/snapshots")).doesNotExist();
      long kept = Files.size(part);
      assertThat(kept).isBetween(50_000L, SHARD - 1L);
      Files.delete(other);
      complete(download.fetch(request()));
      assertThat(ranges(TinyModel.FIRST).getLast()).startsWith("bytes=" + kept + "-");
    } finally {
      run("umount", mount.toString());
    }
  }

  private DownloadEnd fetch(HubDownload.Request request) throws InterruptedException {
    try (HubDownload download = download(4)) {
      return download.fetch(request);
    }
  }

  private DownloadEnd provide(HubDownload.Request request) throws InterruptedException {
    try (HubDownload download = download(4)) {
      return download.provide(request);
    }
  }

  private HubDownload download(int workers) {
    return new HubDownload(settings(), new HubCache(directory), workers);
  }

  private HubSettings settings() {
    return settings(Duration.ofSeconds(20));
  }

  private HubSettings settings(Duration stallTimeout) {
    return HubSettings.of(environment).waiting(stallTimeout, Duration.ofMillis(10));
  }

  private static int run(String... command) throws IOException, InterruptedException {
    return new ProcessBuilder(command).start().waitFor();
  }

  private static HubDownload.Request request() {
    return HubDownload.Request.of(NAME);
  }

  private static HubDownload.Request revision(String revision) {
    return new HubDownload.Request(
        NAME, revision, FileSelection.all(), false, HubDownload.DEFAULT_TIMEOUT);
  }

  private static HubDownload.Request selection(List<String> include, List<String> exclude) {
    return new HubDownload.Request(
        NAME,
        "main",
        new FileSelection(include, exclude, true),
        false,
        HubDownload.DEFAULT_TIMEOUT);
  }

  private static Complete complete(DownloadEnd end) {
    assertThat(end).isInstanceOf(Complete.class);
    return (Complete) end;
  }

  private static Failed failed(DownloadEnd end) {
    assertThat(end).isInstanceOf(Failed.class);
    return (Failed) end;
  }

  private byte[] content(String file) {
    return Objects.requireNonNull(files.get(file));
  }

  private Path model() {
    return directory.resolve("models--org--tiny");
  }

  private Path incomplete(String file) {
    return model().resolve("blobs/" + LocalHub.hex("SHA-256", content(file)) + ".incomplete");
  }

  private List<String> ranges(String file) {
    return hub.seen().stream()
        .filter(seen -> seen.ofStore() && seen.path().endsWith("/" + file))
        .map(seen -> seen.range() == null ? "all" : seen.range())
        .toList();
  }

  /// Every blob is what its name says, and the snapshot is complete.
  private void assertWhole() {
    HubCache.Snapshot snapshot =
        Objects.requireNonNull(new HubCache(directory).snapshot(NAME, "main"));
    SnapshotCheck check = SnapshotCheck.of(snapshot, true);
    assertThat(check.faults()).isEmpty();
  }

  private void assertInvisible() throws IOException {
    assertThat(model().resolve("snapshots")).doesNotExist();
    assertThat(model().resolve("refs")).doesNotExist();
    for (String blob : relative(model().resolve("blobs"))) {
      if (blob.endsWith(".incomplete")) {
        continue;
      }
      assertThat(files.values())
          .anyMatch(content ->
              LocalHub.hex("SHA-256", content).equals(blob)
                  || LocalHub.hex("SHA-1", TinyModel.text("blob " + content.length + "\0"), content)
                      .equals(blob));
    }
  }

  private List<String> leftovers() throws IOException {
    return relative(directory).stream()
        .filter(file -> file.endsWith(".incomplete") || file.endsWith(".tmp"))
        .toList();
  }

  private static List<String> relative(Path root) throws IOException {
    try (Stream<Path> all = Files.walk(root)) {
      return all.filter(path -> !Files.isDirectory(path))
          .map(path -> root.relativize(path).toString())
          .sorted()
          .toList();
    }
  }
}
