package dev.kerneltracer.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// Makes the AOT caches (JEP 514) that let `--help` answer in under 150 ms: one for light calls and
/// one for working ones, each recorded from a run of its own. They are named by the sum of the
/// jars, because the JVM silently runs old classes out of a stale cache.
public final class FastStart {
  /// Named by the start script when it found no cache: where to put one.
  static final String TRAIN_PROPERTY = "kerneltracer.train";

  private static final int ANALYSES = 60;

  private FastStart() {}

  /// Called by the build with the program's home as `kerneltracer.home`, and by itself to exercise
  /// what a cache should hold.
  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length == 0) {
      Path home = Path.of(System.getProperty("kerneltracer.home", ""));
      if (!train(home, home.resolve("aot"))) {
        System.err.println("no AOT cache could be made in " + home.resolve("aot"));
        System.exit(1);
      }
      return;
    }
    PrintStream nowhere =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    System.setOut(nowhere);
    System.setErr(nowhere);
    Main.run("--help");
    Main.run("trace", "--help");
    Main.run("trace", "--modle", "x");
    Main.run("analyze", "--help");
    if (args[0].equals("work")) {
      Main.run("env", "list", "--format", "json");
      Main.run("env", "list");
      analyze();
    }
  }

  /// Reads a small trace many times over: the cache keeps which methods are hot as well.
  private static void analyze() throws IOException {
    Path directory = Files.createTempDirectory("kerneltracer");
    try {
      Path trace = directory.resolve("training.json.gz");
      try (InputStream in = FastStart.class.getResourceAsStream("training.json.gz")) {
        Files.copy(Objects.requireNonNull(in), trace);
      }
      String tables = directory.resolve("tables").toString();
      for (int i = 0; i < ANALYSES; i++) {
        Main.run("analyze", trace.toString(), "--output-dir", tables, "--kernel-events");
      }
      Main.run("analyze", trace.toString(), "--phase", "decode", "--format", "json");
    } finally {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  /// Makes the caches after the first run of a program that came without them, where that is
  /// possible.
  static void trainIfAsked() {
    String directory = System.getProperty(TRAIN_PROPERTY);
    if (directory == null) {
      return;
    }
    try {
      train(Path.of(System.getProperty("kerneltracer.home", "")), Path.of(directory));
    } catch (IOException e) {
      // A cache only saves time: a read-only or full disk must not fail a run that worked.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Makes the caches of the program at `home` in `directory`; false where the JVM made none.
  private static boolean train(Path home, Path directory) throws IOException, InterruptedException {
    String id = Files.readString(home.resolve("lib/build-id")).strip();
    Files.createDirectories(directory);
    boolean made = true;
    for (String kind : List.of("help", "work")) {
      Path cache = directory.resolve(id + "-" + kind + ".aot");
      if (Files.exists(cache)) {
        continue;
      }
      Path temporary =
          directory.resolve(cache.getFileName() + "." + ProcessHandle.current().pid() + ".partial");
      Process training =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:AOTCacheOutput=" + temporary,
                  "-XX:+UseSerialGC",
                  "-Xmx3g",
                  "-Xlog:disable",
                  "--enable-native-access=ALL-UNNAMED",
                  "-Dkerneltracer.home=" + home,
                  "-cp",
                  home.resolve("lib/kerneltracer.jar").toString(),
                  FastStart.class.getName(),
                  kind)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      try {
        if (!training.waitFor(60, TimeUnit.SECONDS)) {
          training.destroyForcibly();
        }
        if (Files.exists(temporary)) {
          Files.move(temporary, cache, StandardCopyOption.ATOMIC_MOVE);
        } else {
          made = false;
        }
      } finally {
        training.destroyForcibly();
        Files.deleteIfExists(temporary);
        Files.deleteIfExists(directory.resolve(temporary.getFileName() + ".config"));
      }
    }
    return made;
  }
}
