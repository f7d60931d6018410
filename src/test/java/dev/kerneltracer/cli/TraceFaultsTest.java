package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.model.TinyModel;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Everything that goes wrong in a real run ends with an outcome that says so, a result directory
/// with no half file in it, and no process left; the same whether the target is started anew or
/// forked from a warm parent.
@Tag("real")
@ParameterizedClass
@ValueSource(strings = {"--no-warm-start", "--warm-start"})
class TraceFaultsTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static String python = "";

  @Parameter String start = "";

  @TempDir Path directory;

  @BeforeAll
  static void environment() {
    python = RealPython.transformers().executable().toString();
  }

  @Test
  void anExceptionIsToldWithItsTypeAndPlace() throws Exception {
    Run run = misbehave("raise");

    assertThat(run.exitCode()).isEqualTo(1);
    JsonNode failure = failure("raise");
    assertThat(failure.get("outcome").asString()).isEqualTo("failed");
    assertThat(failure.get("reason").asString())
        .startsWith("ValueError: planted: this model always fails (misbehaving_model.py:");
    assertThat(run.out()).contains("planted: this model always fails", "job.log");
  }

  @Test
  void aCrashIsToldWithItsSignal() throws Exception {
    assertThat(misbehave("segfault").exitCode()).isEqualTo(1);

    assertThat(failure("segfault").get("outcome").asString()).isEqualTo("crashed");
    assertThat(failure("segfault").get("reason").asString())
        .contains("SIGSEGV", "in phase warming");
    assertThat(Files.readString(results("segfault").resolve("job.log")))
        .contains("misbehaving_model.py");
  }

  @Test
  void aKilledChildIsToldFromACrash() throws Exception {
    misbehave("kill");

    assertThat(failure("kill").get("outcome").asString()).isEqualTo("killed");
    assertThat(failure("kill").get("reason").asString()).contains("SIGKILL", "GiB resident");
  }

  @Test
  void anExitWithoutAWordIsToldWithItsCode() throws Exception {
    misbehave("exit");

    assertThat(failure("exit").get("outcome").asString()).isEqualTo("crashed");
    assertThat(failure("exit").get("reason").asString()).contains("exit code 7");
  }

  @Test
  void moreMemoryThanThereIsIsAReasonOfItsOwn() throws Exception {
    misbehave("allocate_too_much");

    assertThat(failure("allocate_too_much").get("outcome").asString()).isEqualTo("failed");
    assertThat(failure("allocate_too_much").get("reason").asString())
        .startsWith("out of host memory");
  }

  @Test
  void weightsThatAreCutShortAreKnownBeforeAnythingStarts() throws Exception {
    Path model = Files.createDirectory(directory.resolve("short"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"llama\"}");
    byte[] whole = TinyModel.safetensors(4000, 1, "a");
    Files.write(model.resolve("model.safetensors"), Arrays.copyOf(whole, whole.length - 5));

    Run run =
        new Program()
            .run(
                "trace",
                "--model-path",
                model.toString(),
                "--python",
                python,
                "--tracers",
                "torch_dispatch",
                "-o",
                directory.toString());

    assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
    JsonNode failure =
        JSON.readTree(
            Files.readString(
                directory.resolve("local/short/eval/torch_dispatch/_TRACE_FAILURE.json")));
    assertThat(failure.get("outcome").asString()).isEqualTo("incomplete_model");
    assertThat(failure.get("reason").asString())
        .startsWith("model.safetensors is cut short: 5 bytes of its tensors are missing");
  }

  @Test
  void aDeafProcessTreeEndsAtItsTimeout() throws Exception {
    Path tree = Files.createDirectory(directory.resolve("tree"));
    Running running =
        new Program().with("TREE", tree.toString()).start(command("deaf_tree", "--timeout", "40"));
    Run run = running.end();

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(failure("deaf_tree").get("outcome").asString()).isEqualTo("timeout");
    assertThat(failure("deaf_tree").get("reason").asString()).contains("40 s", "warming");
    assertThat(children(tree)).hasSize(3);
    assertThat(running.left()).isEmpty();
  }

  @Test
  void ctrlCLeavesNothingRunningAndSaysCancelled() throws Exception {
    Path tree = Files.createDirectory(directory.resolve("tree"));
    Running running = new Program().with("TREE", tree.toString()).start(command("deaf_tree"));
    awaitTree(running, tree);

    signal("INT", running.process().pid());
    Run run = running.end();

    assertThat(run.exitCode()).isEqualTo(130);
    assertThat(failure("deaf_tree").get("outcome").asString()).isEqualTo("cancelled");
    assertThat(running.left()).isEmpty();
    assertThat(run.err()).contains("nothing is left running");
    assertThat(Files.readString(directory.resolve("summary.csv"))).contains("cancelled");
  }

  @Test
  void killingKernelTracerItselfLeavesNothingRunning() throws Exception {
    Path tree = Files.createDirectory(directory.resolve("tree"));
    Running running = new Program().with("TREE", tree.toString()).start(command("deaf_tree"));
    awaitTree(running, tree);
    assertThat(running.targets()).hasSizeGreaterThanOrEqualTo(4);

    signal("KILL", running.process().pid());
    running.process().waitFor();

    assertThat(running.left()).isEmpty();
    assertThat(results("deaf_tree").resolve("_TRACE_STATUS.json")).doesNotExist();
  }

  @Test
  void theKernelsOutOfMemoryKillerIsNamed() throws Exception {
    Path group = memoryGroup(900L << 20);
    try {
      Path model = MisbehavingModel.write(directory, "eat_memory");
      Run run =
          new Program()
              .with("KERNELTRACER_HEAP", "128m")
              .startedBy("sh", "-c", "echo $$ > " + group + "/cgroup.procs; exec \"$@\"", "sh")
              .run(command(model));

      assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
      assertThat(failure("eat_memory").get("outcome").asString()).isEqualTo("killed");
      assertThat(failure("eat_memory").get("reason").asString())
          .contains("out-of-memory killer", "GiB resident");
    } finally {
      Files.deleteIfExists(group);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"size=4k", "size=24k", "size=64k"})
  void aFullDiskIsAFailureWithThatReason(String size) throws Exception {
    Path small = mount(size);
    try {
      Run run = tiny(small, "--tracers", "torch_profiler");

      assertThat(run.exitCode()).isEqualTo(1);
      assertThat((run.out() + run.err()).replaceAll("\\s+", " "))
          .containsPattern("(?i)no space left|disk full");
      assertThat(files(small)).noneMatch(file -> file.contains(".partial"));
      assertThat(small.resolve("type/llama/eval/torch_profiler/_TRACE_STATUS.json")).doesNotExist();
    } finally {
      unmount(small);
    }
  }

  @Test
  void anOutputDirectoryThatCannotBeWrittenIsToldAtOnce() throws Exception {
    Path readOnly = mount("ro");
    try {
      Run run = tiny(readOnly);

      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.err()).contains("cannot write to " + readOnly).contains("--output-dir");
    } finally {
      unmount(readOnly);
    }
  }

  @Test
  void oneOfTwoRunsOnTheSameDirectoryIsToldThatTheOtherIsAtWork() throws Exception {
    String[] command = command(MisbehavingModel.write(directory, "none"));
    Running first = new Program().start(command);
    first.awaitFile(results("none").resolve("job.json"));

    Run second = new Program().run(command);
    Run done = first.end();

    assertThat(second.exitCode()).isEqualTo(1);
    assertThat(second.err())
        .contains("another run (process ", ") is at work in " + results("none"));
    assertThat(done.exitCode()).as(done.err() + done.out()).isZero();
    assertThat(results("none").resolve("_TRACE_STATUS.json")).exists();
  }

  private Run tiny(Path outputs, String... more) throws Exception {
    return new Program()
        .runTiny(
            "llama",
            python,
            outputs,
            Stream.concat(Stream.of(start), Stream.of(more)).toArray(String[]::new));
  }

  private Run misbehave(String how) throws Exception {
    return new Program().run(command(how));
  }

  private String[] command(String how, String... more) throws IOException {
    return Stream.concat(
            Stream.of(command(MisbehavingModel.write(directory, how))), Stream.of(more))
        .toArray(String[]::new);
  }

  private String[] command(Path model) {
    return new String[] {
      "trace",
      start,
      "--model-path",
      model.toString(),
      "--weights",
      "random",
      "--trust-remote-code",
      "--tracers",
      "torch_dispatch",
      "--python",
      python,
      "-o",
      directory.toString(),
      "--new-tokens",
      "2"
    };
  }

  private Path results(String how) {
    return directory.resolve("local/misbehaving-" + how + "/eval/torch_dispatch");
  }

  private JsonNode failure(String how) throws IOException {
    assertThat(results(how).resolve("_TRACE_STATUS.json")).doesNotExist();
    return JSON.readTree(Files.readString(results(how).resolve("_TRACE_FAILURE.json")));
  }

  private static void awaitTree(Running running, Path tree) throws Exception {
    for (int i = 0; i < 1200 && children(tree).size() < 3; i++) {
      assertThat(running.process().isAlive()).as(running.errSoFar()).isTrue();
      Thread.sleep(50);
    }
    assertThat(children(tree)).hasSize(3);
  }

  private static List<Path> children(Path tree) throws IOException {
    try (Stream<Path> files = Files.list(tree)) {
      return files.toList();
    }
  }

  private static void signal(String name, long pid) throws Exception {
    new ProcessBuilder("kill", "-" + name, String.valueOf(pid)).start().waitFor();
  }

  private Path mount(String options) throws Exception {
    Path point = Files.createDirectory(directory.resolve("mounted"));
    int status =
        new ProcessBuilder("mount", "-t", "tmpfs", "-o", options, "tmpfs", point.toString())
            .start()
            .waitFor();
    assumeThat(status).as("mounting a tmpfs needs root").isZero();
    return point;
  }

  private static void unmount(Path point) throws Exception {
    new ProcessBuilder("umount", "-l", point.toString()).start().waitFor();
  }

  private static List<String> files(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files.map(Path::toString).toList();
    }
  }

  /// A memory control group with that limit, version 1 or 2.
  private static Path memoryGroup(long bytes) throws IOException {
    Path one = Path.of("/sys/fs/cgroup/memory");
    Path two = Path.of("/sys/fs/cgroup");
    boolean old = Files.isDirectory(one);
    Path group = (old ? one : two).resolve("kerneltracer-test-" + ProcessHandle.current().pid());
    try {
      Files.createDirectory(group);
      Files.writeString(
          group.resolve(old ? "memory.limit_in_bytes" : "memory.max"), String.valueOf(bytes));
    } catch (IOException e) {
      Files.deleteIfExists(group);
      assumeThat(false).as("a memory cgroup cannot be made here: " + e).isTrue();
    }
    return group;
  }
}
