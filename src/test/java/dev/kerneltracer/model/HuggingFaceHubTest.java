package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.model.DownloadEnd.Complete;
import dev.kerneltracer.model.LocalHub.Fault;
import dev.kerneltracer.python.RealPython;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The real huggingface_hub and Transformers, in one Python beside us, at the same hub and the same
/// cache.
@Tag("real")
class HuggingFaceHubTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String NAME = "org/llama";

  private static final LocalHub HUB = new LocalHub();
  private static final Map<String, byte[]> FILES = new HashMap<>();

  @TempDir static Path shared;

  @SuppressWarnings("NullAway.Init")
  private static Process python;

  @SuppressWarnings("NullAway.Init")
  private static BufferedWriter asked;

  private static double checksum;

  @TempDir Path cache;

  @BeforeAll
  static void startPython() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
                RealPython.transformers().executable().toString(),
                Path.of(System.getProperty("kerneltracer.root", "."), "src/test/python/hub_peer.py")
                    .toString())
            .redirectError(shared.resolve("python.log").toFile());
    builder.environment().put("HF_ENDPOINT", HUB.endpoint());
    builder.environment().put("HF_HOME", shared.resolve("home").toString());
    builder.environment().put("HF_HUB_DISABLE_XET", "1");
    builder.environment().put("HF_HUB_DISABLE_TELEMETRY", "1");
    builder.environment().put("HF_HUB_DISABLE_PROGRESS_BARS", "1");
    python = builder.start();
    asked = python.outputWriter();
    assertThat(answer().asString()).isEqualTo("ready");
    Path model = shared.resolve("model");
    checksum = ask("save", List.of(model.toString()), Map.of()).asDouble();
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        FILES.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    assertThat(FILES).containsKey("model.safetensors.index.json");
  }

  @AfterAll
  static void stopPython() throws Exception {
    asked.close();
    python.waitFor();
    HUB.close();
  }

  @BeforeEach
  void publish() {
    HUB.publish(NAME, "main", FILES);
    HUB.seen().clear();
  }

  @Test
  void theyAcceptACacheOfOurs() throws Exception {
    Complete ours = fetch();
    HUB.seen().clear();

    JsonNode offline = ask("snapshot", List.of(NAME), options(true));
    JsonNode loaded = ask("load", List.of(NAME), options(true));
    JsonNode online = ask("snapshot", List.of(NAME), options(false));
    JsonNode loadedOnline = ask("load", List.of(NAME), options(false));

    assertThat(offline.asString()).isEqualTo(ours.directory().toString());
    assertThat(online).isEqualTo(offline);
    assertThat(loaded.get(0).asDouble()).isEqualTo(checksum);
    assertThat(loaded.get(1).get(0).asInt()).isZero();
    assertThat(loadedOnline).isEqualTo(loaded);
    assertThat(HUB.seen()).noneMatch(LocalHub.Seen::ofStore);
    assertThat(ask("scan", List.of(cache.toString()), Map.of()))
        .hasToString("[[\"org/llama\"],[]]");
  }

  @Test
  void weAcceptACacheOfTheirs() throws Exception {
    String theirs = ask("snapshot", List.of(NAME), options(false)).asString();
    HUB.seen().clear();

    try (HubDownload download = download()) {
      Complete provided = (Complete) download.provide(HubDownload.Request.of(NAME));
      assertThat(HUB.seen()).isEmpty();
      Complete fetched = (Complete) download.fetch(HubDownload.Request.of(NAME));

      assertThat(provided.directory()).hasToString(theirs);
      assertThat(fetched.directory()).isEqualTo(provided.directory());
      assertThat(fetched.fetchedBytes()).isZero();
    }
    HubCache.Snapshot snapshot = Objects.requireNonNull(new HubCache(cache).snapshot(NAME, "main"));
    SnapshotCheck check = SnapshotCheck.of(snapshot, true);
    assertThat(check.faults()).isEmpty();
    assertThat(check.notes()).isEmpty();
  }

  @Test
  void whatTheirListingNamesAndIsNotHereIsFound() throws Exception {
    String theirs = ask("snapshot", List.of(NAME), options(false)).asString();
    Files.delete(Path.of(theirs, "model.safetensors.index.json"));
    String shard =
        FILES.keySet().stream().filter(file -> file.endsWith("safetensors")).findFirst().orElse("");
    Files.delete(Path.of(theirs, shard));

    SnapshotCheck check =
        SnapshotCheck.of(Objects.requireNonNull(new HubCache(cache).snapshot(NAME, "main")), false);

    assertThat(check.faults())
        .extracting(SnapshotCheck.Fault::text)
        .contains(shard + " is missing");
  }

  @Test
  void weWaitForTheirLockAndTheyForOurs() throws Exception {
    String shard =
        FILES.keySet().stream().filter(file -> file.endsWith("safetensors")).findFirst().orElse("");
    String sha256 = LocalHub.hex("SHA-256", Objects.requireNonNull(FILES.get(shard)));
    Path lock = cache.resolve(".locks/models--org--llama").resolve(sha256 + ".lock");
    Files.createDirectories(lock.resolveSibling(""));
    ask("hold", List.of(lock.toString(), 6.0), Map.of());

    try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
      Future<Complete> ours = thread.submit(this::fetch);
      Thread.sleep(1000);
      assertThat(ours.isDone()).isFalse();
      assertThat(HUB.gets(shard)).isZero();
      ours.get();
    }
    assertThat(HUB.gets(shard)).isEqualTo(1);

    try (HubLock held = HubLock.tryAlone(lock)) {
      assertThat(held).isNotNull();
      assertThat(ask("can_lock", List.of(lock.toString()), Map.of()).asString())
          .isEqualTo("Timeout");
    }
    assertThat(ask("can_lock", List.of(lock.toString()), Map.of()).asBoolean()).isTrue();
  }

  @Test
  void weAndTheyAtOnceFetchEachBlobOnce() throws Exception {
    List<String> shards =
        FILES.keySet().stream().filter(file -> file.endsWith("safetensors")).toList();
    shards.forEach(shard -> HUB.plan(shard, new Fault.Slow(10_000, Duration.ofMillis(20))));

    try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
      Future<Complete> ours = thread.submit(this::fetch);
      JsonNode theirs = ask("snapshot", List.of(NAME), options(false));
      assertThat(theirs.asString()).isEqualTo(ours.get().directory().toString());
    }

    for (String shard : shards) {
      assertThat(HUB.gets(shard)).as(shard).isEqualTo(1);
    }
  }

  private Complete fetch() throws InterruptedException {
    try (HubDownload download = download()) {
      return (Complete) download.fetch(HubDownload.Request.of(NAME));
    }
  }

  private HubDownload download() {
    HubSettings settings =
        HubSettings.of(Map.of("HF_ENDPOINT", HUB.endpoint()))
            .waiting(Duration.ofSeconds(10), Duration.ofMillis(50));
    return new HubDownload(settings, new HubCache(cache), 4);
  }

  private Map<String, Object> options(boolean localFilesOnly) {
    return Map.of("cache_dir", cache.toString(), "local_files_only", localFilesOnly);
  }

  private static JsonNode ask(String function, List<?> arguments, Map<String, ?> options)
      throws IOException {
    asked.write(JSON.writeValueAsString(List.of(function, arguments, options)) + "\n");
    asked.flush();
    return answer();
  }

  private static JsonNode answer() throws IOException {
    BufferedReader answers = python.inputReader();
    String line = answers.readLine();
    if (line == null) {
      throw new AssertionError(Files.readString(shared.resolve("python.log")));
    }
    return JSON.readTree(line);
  }
}
