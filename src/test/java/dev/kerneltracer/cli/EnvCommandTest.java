package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.python.Processes;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The program in a process of its own, with an environment that holds what each test puts there.
class EnvCommandTest {
  @TempDir Path directory;
  private String columns = "";

  private record Ended(int exitCode, String output, String errors) {}

  @Test
  void doctorSaysWhatIsMissingAndHowToGetIt() throws IOException, InterruptedException {
    Ended ended = run("env", "doctor");

    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.output())
        .contains("Missing: no Python to make the environment transformers from: none on PATH")
        .contains("apt-get install python3 python3-venv")
        .contains("cache directory", directory.resolve("cache").toString());
    assertThat(ended.errors()).contains("env doctor: looking for Python");
  }

  @Test
  void doctorIsContentWithAPythonWhoseTorchAnswers() throws IOException, InterruptedException {
    python("python3", "2.13.0");

    Ended table = run("env", "doctor", "--quiet");
    Ended json = run("env", "doctor", "--quiet", "--format", "json");

    assertThat(table.errors()).isEmpty();
    assertThat(table.output()).contains("A trace can run.", "GPU of a test, 79 GiB (CUDA 13.0)");
    assertThat(table.exitCode()).isZero();
    JsonNode all = new JsonMapper().readTree(json.output());
    assertThat(all.path("can_trace").asBoolean()).isTrue();
    assertThat(all.at("/torch_devices/names/0").asString()).isEqualTo("GPU of a test, 79 GiB");
    assertThat(all.at("/interpreters/0/packages/torch").asString()).isEqualTo("2.13.0");
  }

  @Test
  void doctorSaysWhatGetsInTheWayOfAServer() throws IOException, InterruptedException {
    python("python3", "2.13.0");
    script(
        "bin/nvidia-smi",
        """
        #!/bin/sh
        case "$1" in
        --query-compute-apps=*) echo '4711, VLLM::EngineCore, 71234 MiB' ;;
        --query-gpu=*) echo 'NVIDIA of a test, 81559 MiB' ;;
        *) echo '| NVIDIA-SMI 535.1   Driver Version: 535.1   CUDA Version: 12.2 |' ;;
        esac
        """);
    // Named as vLLM names its processes, until the end of standard input.
    Process left =
        new ProcessBuilder("/bin/bash", "-c", "exec -a VLLM::EngineCore_of_a_test cat").start();
    try (ServerSocket taken = new ServerSocket(0)) {
      awaitCommand(left, "VLLM::EngineCore_of_a_test");
      String port = String.valueOf(taken.getLocalPort());

      Ended table = run("env", "doctor", "--quiet", "--port", port);
      Ended json = run("env", "doctor", "--quiet", "--port", port, "--format", "json");

      assertThat(table.exitCode()).isZero();
      assertThat(table.output().replaceAll("\\s+", " "))
          .contains(left.pid() + " VLLM::EngineCore_of_a_test")
          .contains("71234 MiB held by 4711 VLLM::EngineCore")
          .contains("the NVIDIA driver runs CUDA 12.2 at most, but torch is built for CUDA 13.0")
          .contains("open files")
          .contains("port " + port + " is taken by " + ProcessHandle.current().pid());
      JsonNode serving = new JsonMapper().readTree(json.output()).path("serving");
      assertThat(serving.at("/port_owner/pid").asLong()).isEqualTo(ProcessHandle.current().pid());
      assertThat(serving.at("/gpu_memory_holders/0/memory").asString()).isEqualTo("71234 MiB");
      assertThat(serving.path("vllm_processes").toString()).contains("" + left.pid());
    } finally {
      left.destroyForcibly().waitFor();
    }
  }

  private static void awaitCommand(Process process, String command)
      throws IOException, InterruptedException {
    Path file = Path.of("/proc", String.valueOf(process.pid()), "cmdline");
    for (int i = 0; i < 1200 && !Files.readString(file).startsWith(command); i++) {
      Thread.sleep(50);
    }
  }

  @Test
  void doctorNamesANamedPythonThatDoesNotServe() throws IOException, InterruptedException {
    Path old = python("old", "2.0.1");

    Ended ended = run("env", "doctor", "--python", old.toString());

    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.output())
        .contains(
            "Missing: " + old + " (--python) has torch 2.0.1, too old: 2.2 or newer is needed");
  }

  @Test
  void listMarksTheOneThatATraceWouldUse() throws IOException, InterruptedException {
    python("python3", "2.13.0");

    Ended ended = run("env", "list");

    assertThat(ended.exitCode()).isZero();
    assertThat(ended.output().lines())
        .anyMatch(
            l -> l.startsWith("*") && l.contains("bin/python3") && l.endsWith("will be used"));
  }

  @Test
  void inANarrowWindowPathsStayWhole() throws IOException, InterruptedException {
    Path file = python("python3", "2.13.0");
    columns = "60";

    Ended ended = run("env", "list");

    assertThat(ended.output())
        .contains(
            "* " + file + "\n", "    PATH, Python 3.12.1, torch 2.13.0, transformers 5.19.0\n");
  }

  @Test
  void installKnowsItsNames() throws IOException, InterruptedException {
    Ended ended = run("env", "install", "tensorflow");

    assertThat(ended.exitCode()).isEqualTo(2);
    assertThat(ended.errors()).contains("there is transformers");
  }

  @Test
  void stoppedInTheMiddleInstallLeavesNoProcess() throws IOException, InterruptedException {
    Path pid = directory.resolve("pid");
    script("bin/python3", "#!/bin/sh\nexec " + RealPython.any().executable() + " \"$@\"\n");
    script(
        "bin/uv",
        """
        #!/bin/sh
        [ "$1" = venv ] || exit 1
        echo $$ > %s.new; /bin/mv %s.new %s
        exec /bin/sleep 600
        """
            .formatted(pid, pid, pid));
    Process process = start(directory.resolve("errors"), "env", "install", "transformers");
    while (!Files.exists(pid) && process.isAlive()) {
      Thread.sleep(50);
    }

    process.destroy();

    assertThat(process.waitFor()).as(Files.readString(directory.resolve("errors"))).isEqualTo(143);
    Processes.assertGone(Long.parseLong(Files.readString(pid).strip()));
  }

  private Path script(String name, String text) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.resolveSibling(""));
    Files.writeString(file, text);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Path python(String name, String torch) throws IOException {
    return script(
        "bin/" + name,
        """
        #!/bin/sh
        case "$2" in
        *get_device_properties*) echo 'kerneltracer:{"cuda": "13.0", "devices": \
        [{"name": "GPU of a test", "memory_bytes": 85899345919}]}' ;;
        *) echo 'kerneltracer:{"python": "3.12.1", "implementation": "cpython", "executable": "",\
         "makes_environments": true, "packages": {"torch": "%s", "transformers": "5.19.0"}}' ;;
        esac
        """
            .formatted(torch));
  }

  private Ended run(String... arguments) throws IOException, InterruptedException {
    Path errors = directory.resolve("errors");
    Process process = start(errors, arguments);
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), output, Files.readString(errors));
  }

  private Process start(Path errors, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().put("PATH", directory.resolve("bin").toString());
    builder.environment().put("HOME", directory.toString());
    builder.environment().put("KERNELTRACER_CACHE", directory.resolve("cache").toString());
    builder.environment().put("COLUMNS", columns);
    builder.redirectError(errors.toFile());
    return builder.start();
  }
}
