package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.model.JavaProgram.Run;
import dev.kerneltracer.model.JavaProgram.Running;
import dev.kerneltracer.model.LocalHub.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The command `models` in processes of its own: several at once, killed, and going on.
class HubProcessesTest {
  private static final String NAME = "org/tiny";
  private static final int SHARD = 2_000_000;

  @TempDir Path directory;

  private final LocalHub hub = new LocalHub();
  private final Map<String, byte[]> files = TinyModel.files(SHARD);

  @AfterEach
  void stop() {
    hub.close();
  }

  @Test
  void whatAKilledProcessHadFetchedAnotherDoesNotFetchAgain() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Slow(20_000, Duration.ofMillis(100)));
    Running running = start("models", "download", NAME);
    Path part = incomplete(TinyModel.FIRST);
    while (!Files.exists(part) || Files.size(part) < 300_000) {
      assertThat(running.process().isAlive()).isTrue();
      Thread.sleep(5);
    }

    running.process().destroyForcibly().waitFor(); // kill -9
    long kept = Files.size(part);
    assertThat(cache().resolve("models--org--tiny/snapshots")).doesNotExist();
    Run check = run("models", "check");
    Run again = run("models", "download", NAME);

    assertThat(check.exitCode()).isEqualTo(1);
    assertThat(check.out())
        .contains("interrupted", "mend it: kerneltracer models download " + NAME);
    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(hub.seen())
        .filteredOn(seen -> seen.ofStore() && seen.path().endsWith(TinyModel.FIRST))
        .extracting(seen -> Objects.toString(seen.range()))
        .containsExactly("null", "bytes=" + kept + "-" + (content(TinyModel.FIRST).length - 1));
    assertThat(hub.gets("config.json")).isEqualTo(1);
    assertThat(Path.of(again.out().strip()).resolve(TinyModel.FIRST))
        .hasBinaryContent(content(TinyModel.FIRST));
    assertThat(run("models", "check", "--hash").out()).contains(NAME + ": complete");
  }

  @Test
  void twoProcessesFetchEachBlobOnce() throws Exception {
    hub.publish(NAME, "main", files);
    hub.publish("org/fork", "main", files);
    for (String shard : new String[] {TinyModel.FIRST, TinyModel.SECOND}) {
      hub.plan(shard, new Fault.Slow(50_000, Duration.ofMillis(20)));
    }

    Running one = start("models", "download", NAME);
    Running two = start("models", "download", NAME, "org/fork");

    assertThat(one.end().exitCode()).isZero();
    assertThat(two.end().exitCode()).isZero();
    for (String file : new String[] {TinyModel.FIRST, TinyModel.SECOND, "config.json"}) {
      assertThat(hub.gets(file)).as(file).isEqualTo(1);
      assertThat(hub.sentBytes(file)).as(file).isEqualTo(content(file).length);
    }
    assertThat(new HubCache(cache()).names()).containsExactly("org/fork", NAME);
  }

  @Test
  void ctrlCEndsItWithAWord() throws Exception {
    hub.publish(NAME, "main", files);
    hub.plan(TinyModel.FIRST, new Fault.Slow(10_000, Duration.ofMillis(100)));
    Running running = start("models", "download", NAME);
    while (!Files.exists(incomplete(TinyModel.FIRST))) {
      Thread.sleep(5);
    }

    new ProcessBuilder("kill", "-INT", "" + running.process().pid()).start().waitFor();
    Run run = running.end();

    assertThat(run.exitCode()).isEqualTo(130);
    assertThat(run.err()).contains("the same command goes on where this one stopped");
  }

  private Run run(String... arguments) throws IOException, InterruptedException {
    return start(arguments).end();
  }

  private Running start(String... arguments) throws IOException {
    Map<String, String> environment = new HashMap<>();
    environment.put("HF_ENDPOINT", hub.endpoint());
    environment.put("HF_HUB_CACHE", cache().toString());
    return JavaProgram.start(directory, environment, arguments);
  }

  private Path cache() {
    return directory.resolve("hub");
  }

  private byte[] content(String file) {
    return Objects.requireNonNull(files.get(file));
  }

  private Path incomplete(String file) {
    String sha256 = LocalHub.hex("SHA-256", content(file));
    return cache().resolve("models--org--tiny/blobs/" + sha256 + ".incomplete");
  }
}
