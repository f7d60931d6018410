package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

class ConfigFileTest {
  @TempDir Path directory;

  @Test
  void everyKindOfValueBecomesTheWordsOfACommandLine() throws IOException {
    assertThat(
            words(
                """
                models: [type:llama, org/name]
                jobs: 2
                tiny: true
                download: false
                force: false
                warm_start: yes
                prompt: "-x: 1"
                temperature: 0.5
                top-p:
                set:
                  num_hidden_layers: 2
                  rope_parameters: {rope_theta: 1.0e6, kind: "2"}
                """
                    .replace("yes", "true")))
        .containsExactly(
            "--model=type:llama",
            "--model=org/name",
            "--jobs=2",
            "--tiny",
            "--no-download",
            "--warm-start",
            "--prompt=-x: 1",
            "--temperature=0.5",
            "--set=num_hidden_layers=2",
            "--set=rope_parameters.rope_theta=1000000.0",
            "--set=rope_parameters.kind=\"2\"");
  }

  @Test
  void anEmptyFileSaysNothing() throws IOException {
    assertThat(words("# nothing yet\n")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "jbos: 2|no option 'jbos'; the nearest is 'jobs'",
        "prompt_token: 3|the nearest is 'prompt-tokens'",
        "frobnicate: 3|no option 'frobnicate'",
        "config: x.yaml|no option 'config'",
        "tiny: 3|is true or false",
        "jobs: [1, 2]|takes one value",
        "model: {a: b}|takes one value",
        "- jobs|holds no keys",
        "jobs: [1|not valid YAML (line 1",
        "'{jobs: 1, jobs: 2}'|duplicate",
        "'{model: a, models: b}'|under another of its names"
      })
  void whatTheFileGetsWrongIsSaid(String content, String word) {
    assertThatThrownBy(() -> words(content))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("trace.yaml")
        .hasMessageContaining(word);
  }

  /// The map, list or alias that a hostile file nests is read within the bounds of the library.
  @Test
  void aFileThatMultipliesItselfIsRefused() {
    StringBuilder bomb = new StringBuilder("set:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 60; i++) {
      String before = "*a" + (i - 1);
      bomb.append("  a").append(i).append(": &a").append(i).append(" [");
      bomb.append(String.join(", ", java.util.Collections.nCopies(10, before))).append("]\n");
    }
    assertThatThrownBy(() -> words(bomb.toString())).isInstanceOf(UserException.class);
  }

  @Test
  void theCommandLineWinsAndEachValueTellsWhereItCameFrom() throws IOException {
    Path file = Files.writeString(directory.resolve("trace.yaml"), "jobs: 4\ntiny: true\n");
    PrintStream before = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      assertThat(Main.run("trace", "--print-config", "--config", file.toString(), "--jobs", "3"))
          .isZero();
    } finally {
      System.setOut(before);
    }

    assertThat(
            printed
                .toString(StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.replaceAll(" +", " ")))
        .contains("jobs: 3 # command line", "tiny: true # " + file, "seed: 0 # default");
    // What is printed is a file of options itself.
    assertThat(words(printed.toString(StandardCharsets.UTF_8))).contains("--jobs=3", "--tiny");
  }

  @Test
  void aWrongValueIsToldWithTheFile() throws IOException {
    Path file = Files.writeString(directory.resolve("trace.yaml"), "jobs: many\n");
    PrintStream before = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      assertThat(Main.run("trace", "--config", file.toString())).isEqualTo(2);
    } finally {
      System.setErr(before);
    }

    assertThat(printed.toString(StandardCharsets.UTF_8))
        .contains(file + ": ", "--jobs", "many")
        .doesNotContain("\tat ");
  }

  private List<String> words(String yaml) throws IOException {
    Path file = Files.writeString(directory.resolve("trace.yaml"), yaml);
    CommandSpec command = CommandLine.Model.CommandSpec.forAnnotatedObject(new TraceCommand());
    List<String> words = new ArrayList<>();
    ConfigFile.read(file, command).arguments().values().forEach(words::addAll);
    return words;
  }
}
