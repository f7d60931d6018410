package dev.kerneltracer.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The packaged program, run as a user runs it: in a process of its own.
public final class Program {
  private static final Path HOME =
      Path.of(System.getProperty("kerneltracer.root", "."), "target/app");

  /// The tracers that record a run and compile nothing.
  static final String QUICK = "torch_profiler,torch_dispatch";

  /// What a finished run left.
  public record Run(int exitCode, String out, String err) {}

  /// A run on its way. Everything that it starts bears `mark` in its environment.
  public record Running(Process process, String mark, Path out, Path err) {
    public Run end() throws InterruptedException {
      if (!process.waitFor(10, TimeUnit.MINUTES)) {
        process.destroyForcibly();
        throw new AssertionError("the program did not end: " + read(err));
      }
      return new Run(process.exitValue(), read(out), read(err));
    }

    public String errSoFar() {
      return read(err);
    }

    /// Living processes of this run other than the program itself.
    public List<Long> targets() {
      List<Long> found = new ArrayList<>();
      try (Stream<Path> all = Files.list(Path.of("/proc"))) {
        for (Path directory : all.toList()) {
          String name = directory.getFileName().toString();
          if (name.chars().allMatch(Character::isDigit)
              && Long.parseLong(name) != process.pid()
              && isAlive(directory)
              && bearsMark(directory)) {
            found.add(Long.parseLong(name));
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return found;
    }

    /// Waits until no process of this run is left; those that are after 30 s.
    public List<Long> left() throws InterruptedException {
      for (int i = 0; i < 300; i++) {
        if (targets().isEmpty()) {
          return List.of();
        }
        Thread.sleep(100);
      }
      return targets();
    }

    /// Waits until the file exists.
    public void awaitFile(Path file) throws InterruptedException {
      for (int i = 0; i < 1200; i++) {
        if (Files.exists(file)) {
          return;
        }
        if (!process.isAlive()) {
          throw new AssertionError("ended before " + file + " was there: " + read(err));
        }
        Thread.sleep(50);
      }
      throw new AssertionError(file + " did not appear: " + read(err));
    }

    private boolean bearsMark(Path directory) {
      try {
        return new String(
                Files.readAllBytes(directory.resolve("environ")), StandardCharsets.ISO_8859_1)
            .contains("KERNELTRACER_TEST_MARK=" + mark);
      } catch (IOException e) {
        return false;
      }
    }
  }

  private final Map<String, String> environment = new HashMap<>();
  private @Nullable Path directory;
  private List<String> prefix =
      List.of(HOME.resolve("bin/kerneltracer").toAbsolutePath().toString());

  public Program with(String name, String value) {
    environment.put(name, value);
    return this;
  }

  /// Runs it in that working directory.
  public Program in(Path workingDirectory) {
    directory = workingDirectory;
    return this;
  }

  /// Starts the program by another command line, such as a shell that joins a cgroup first.
  public Program startedBy(String... command) {
    List<String> words = new ArrayList<>(List.of(command));
    words.add(HOME.resolve("bin/kerneltracer").toAbsolutePath().toString());
    prefix = words;
    return this;
  }

  /// Traces two tokens of a small model of a type, under the quick tracers where none is named.
  public Run runTiny(String type, String python, Path outputs, String... more)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(List.of("trace", "--model", "type:" + type, "--tiny"));
    arguments.addAll(List.of("--python", python, "-o", outputs.toString(), "--new-tokens", "2"));
    if (!List.of(more).contains("--tracers")) {
      arguments.addAll(List.of("--tracers", QUICK));
    }
    arguments.addAll(List.of(more));
    return run(arguments.toArray(String[]::new));
  }

  public Run run(String... arguments) throws IOException, InterruptedException {
    return start(arguments).end();
  }

  public Running start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of(arguments));
    Path out = Files.createTempFile("kerneltracer", ".out");
    Path err = Files.createTempFile("kerneltracer", ".err");
    out.toFile().deleteOnExit();
    err.toFile().deleteOnExit();
    String mark = Long.toHexString(System.nanoTime());
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().put("KERNELTRACER_TEST_MARK", mark);
    builder.environment().put("COLUMNS", "100");
    builder.environment().putAll(environment);
    if (directory != null) {
      builder.directory(directory.toFile());
    }
    return new Running(builder.start(), mark, out, err);
  }

  private static boolean isAlive(Path directory) {
    try {
      String stat = Files.readString(directory.resolve("stat"));
      return !stat.substring(stat.lastIndexOf(')') + 2).startsWith("Z");
    } catch (IOException e) {
      return false;
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
