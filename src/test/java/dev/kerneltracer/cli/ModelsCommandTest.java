package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.model.JavaProgram;
import dev.kerneltracer.model.JavaProgram.Run;
import dev.kerneltracer.model.LocalHub;
import dev.kerneltracer.model.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a user of `models` sees; how downloads behave is the matter of HubDownloadTest.
class ModelsCommandTest {
  @TempDir Path directory;

  private final LocalHub hub = new LocalHub();

  @AfterEach
  void stop() {
    hub.close();
  }

  @Test
  void whatFailsIsToldBesideWhatWorks() throws Exception {
    String commit = hub.publish("org/tiny", "main", TinyModel.files(1000));
    hub.publish("org/gated", "main", TinyModel.files(2000));
    hub.gate("org/gated", "hf_other");

    Path list = directory.resolve("models.txt");
    Files.writeString(list, "org/gated # ask first\ntype:qwen3\n\norg/none\norg/tiny\n");

    Run run =
        run(
            "models",
            "download",
            "org/tiny",
            "--model-list",
            list.toString(),
            "--format",
            "json",
            "-q");

    assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
    assertThat(run.err()).isEmpty();
    JsonNode models = new JsonMapper().readTree(run.out()).get("models");
    assertThat(models)
        .extracting(model -> model.get("outcome").asString())
        .containsExactly("success", "gated", "not_found");
    assertThat(models.get(0).get("revision").asString()).isEqualTo(commit);
    assertThat(models.get(0).get("files").asInt()).isEqualTo(8);
    assertThat(models.get(1).get("hint").asString()).contains("hf auth login");

    Run table = run("models", "download", "org/tiny", "org/gated");
    assertThat(table.out()).isEqualTo(cache() + "/models--org--tiny/snapshots/" + commit + "\n");
    assertThat(table.err())
        .contains(
            "org/tiny: complete, 8 files", "(all was there)", "org/gated: the model is gated");
  }

  @Test
  void checkNamesWhatIsMissingAndTheCommandThatMendsIt() throws Exception {
    hub.publish("org/tiny", "main", TinyModel.files(1000));
    Path snapshot = Path.of(run("models", "download", "org/tiny").out().strip());
    Files.delete(snapshot.resolve(TinyModel.SECOND));

    Run check = run("models", "check");
    assertThat(check.exitCode()).isEqualTo(1);
    assertThat(check.out())
        .contains(
            "org/tiny: incomplete",
            "  " + TinyModel.SECOND + " is missing",
            "  mend it: kerneltracer models download org/tiny\n");

    Run list = run("models", "list");
    assertThat(list.out().lines().toList().get(1))
        .matches(
            "org/tiny +main \\([0-9a-f]{8}\\) +[0-9.]+ KiB +no weights +20\\d\\d-\\d\\d-\\d\\d");

    Run json = run("models", "check", "org/tiny", "org/none", "--format", "json");
    JsonNode models = new JsonMapper().readTree(json.out()).get("models");
    assertThat(models.get(0).get("problems").get(0).asString()).endsWith("is missing");
    assertThat(models.get(1).get("mend").asString())
        .isEqualTo("kerneltracer models download org/none");
  }

  private Run run(String... arguments) throws IOException, InterruptedException {
    Map<String, String> environment =
        Map.of("HF_ENDPOINT", hub.endpoint(), "HF_HUB_CACHE", cache().toString());
    return JavaProgram.start(directory, environment, arguments).end();
  }

  private Path cache() {
    return directory.resolve("hub");
  }
}
