package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The list of what the probe touches of vLLM, and the script that checks it against sources of
/// vLLM: here a tiny one.
class VllmNamesTest {
  private static final Path PROBE = Path.of("src/main/python/kerneltracer_probe");

  @TempDir private Path directory;

  private record Ended(int exitCode, String text) {}

  @BeforeEach
  void tinySources() throws IOException {
    write(
        "vllm-0.20.0/vllm/engine.py",
        """
        class Base:
            inherited: int = 0

        class Engine(Base):
            field: int = 1
            def __init__(self):
                self.attribute = 2
            def method(self): ...
        """);
    write("vllm-0.20.0/vllm/envs.py", "variables = {'VLLM_HERE': lambda: 1}\n");
  }

  @Test
  void namesThatAreThereOrDeclaredAbsentPass() throws Exception {
    Ended ended =
        check(
            """
            {"classes": {"Engine": {"file": "vllm/other.py or vllm/engine.py", "members":
              {"field": {}, "attribute": {}, "method": {}, "inherited": {}, "old": {"until": "0.15"}}},
              "Later": {"file": "vllm/later.py", "since": "0.26", "members": {"method": {}}}},
            "variables": {"file": "vllm/envs.py", "members": {"VLLM_HERE": {"since": "0.20"}}}}
            """);

    assertThat(ended.exitCode()).as(ended.text()).isZero();
    assertThat(ended.text())
        .contains(
            "| name | 0.20.0 |",
            "| `Engine.inherited` | yes |",
            "| `Engine.old` | – |",
            "| `Later.method` | – |",
            "| `VLLM_HERE` | yes |");
  }

  @Test
  void aMissingNameFails() throws Exception {
    Ended ended =
        check(
            """
            {"classes": {"Engine": {"file": "vllm/engine.py", "members": {"fields": {}}},
              "Gone": {"file": "vllm/gone.py", "members": {}}},
            "variables": {"file": "vllm/envs.py", "members": {"VLLM_GONE": {}}}}
            """);

    assertThat(ended.exitCode()).isEqualTo(1);
    assertThat(ended.text())
        .contains(
            "vLLM 0.20.0 has no Engine.fields",
            "vLLM 0.20.0 has no Gone",
            "vLLM 0.20.0 has no variable.VLLM_GONE",
            "| `Engine.fields` | **–** |");
  }

  @Test
  void aNameThatIsDeclaredAbsentButThereFails() throws Exception {
    Ended ended =
        check(
            """
            {"classes": {"Engine": {"file": "vllm/engine.py", "members": {"field": {"since": "0.26"}}}},
            "variables": {"file": "vllm/envs.py", "members": {}}}
            """);

    assertThat(ended.exitCode()).isEqualTo(1);
    assertThat(ended.text()).contains("vLLM 0.20.0 has Engine.field, declared absent");
  }

  @Test
  void everyNameOfTheListIsUsed() throws IOException {
    String probe = probe();
    JsonNode names = new JsonMapper().readTree(Files.readString(PROBE.resolve("vllm_names.json")));

    List<String> wanted = new ArrayList<>(names.path("variables").path("members").propertyNames());
    for (JsonNode owner : names.path("classes")) {
      wanted.addAll(owner.path("members").propertyNames());
    }
    assertThat(wanted).hasSizeGreaterThan(50).allMatch(name -> probe.contains('"' + name + '"'));
  }

  @Test
  void variablesOfVllmAreReachedThroughTheList() throws IOException {
    Matcher named = Pattern.compile("(.{0,9})\"VLLM_\\w+\"").matcher(probe());
    int found = 0;
    while (named.find()) {
      assertThat(named.group()).startsWith("variable(");
      found++;
    }
    assertThat(found).isGreaterThan(5);
  }

  private static String probe() throws IOException {
    StringBuilder text = new StringBuilder();
    try (Stream<Path> files = Files.walk(PROBE)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.startsWith("vllm_") && name.endsWith(".py")) {
          text.append(Files.readString(file));
        }
      }
    }
    return text.toString();
  }

  private void write(String file, String text) throws IOException {
    Path path = directory.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private Ended check(String names) throws IOException, InterruptedException {
    write("names.json", names);
    Process process =
        new ProcessBuilder(
                "python3",
                "-B",
                Path.of("scripts/check-vllm-versions").toAbsolutePath().toString(),
                "--names",
                directory.resolve("names.json").toString(),
                directory.resolve("vllm-0.20.0").toString())
            .redirectErrorStream(true)
            .start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), text);
  }
}
