package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import dev.kerneltracer.load.LoadPlan.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordingTest {
  private static final Timing AS_RECORDED = new Timing.AsRecorded(1, Long.MAX_VALUE, 1_000);

  @TempDir Path directory;

  @Test
  void ourOwnRequestsAreSentAgainAtTheirTimes() throws Exception {
    List<RequestResult> results =
        List.of(
            Results.ok(1, "rag", 2_000_000_000L, 30, 40),
            Results.ok(0, "chat", 500_000_000, 10, 20));
    StringBuilder lines = new StringBuilder();
    results.forEach(result -> lines.append(RequestsFile.line(result)));
    // A run that was killed in the middle of a line.
    Path file = write("requests.jsonl", lines + "{\"id\": 7, \"cla");

    LoadPlan plan = plan(file, AS_RECORDED);

    assertThat(plan.requests())
        .extracting(
            PlannedRequest::requestClass,
            PlannedRequest::intendedStartNs,
            PlannedRequest::promptTokens,
            PlannedRequest::outputTokens)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple("chat", 0L, 10, 20),
            org.assertj.core.groups.Tuple.tuple("rag", 1_500_000_000L, 30, 40));
    assertThat(plan(file, new Timing.AsRecorded(2, Long.MAX_VALUE, 9)).requests().getLast())
        .extracting(PlannedRequest::intendedStartNs)
        .isEqualTo(750_000_000L);
  }

  @Test
  void equalHashesOfMooncakeAreEqualBeginnings() throws Exception {
    Path file =
        write(
            "trace.jsonl",
            """
            {"timestamp": 0, "input_length": 1100, "output_length": 5, "hash_ids": [1, 2, 3]}
            {"timestamp": 27000, "input_length": 1024, "output_length": 6, "hash_ids": [1, 2]}
            {"timestamp": 27500, "input_length": 600, "output_length": 7, "hash_ids": [1, 9]}
            """);

    List<PlannedRequest> requests = plan(file, AS_RECORDED).requests();

    assertThat(requests)
        .extracting(PlannedRequest::intendedStartNs)
        .containsExactly(0L, 27_000_000_000L, 27_500_000_000L);
    assertThat(requests).extracting(PlannedRequest::promptTokens).containsExactly(1100, 1024, 600);
    List<Integer> first = ids(requests.get(0));
    assertThat(ids(requests.get(1))).isEqualTo(first.subList(0, 1024));
    assertThat(ids(requests.get(2)).subList(0, 512)).isEqualTo(first.subList(0, 512));
    assertThat(ids(requests.get(2)).subList(512, 600)).isNotEqualTo(first.subList(512, 600));
  }

  @Test
  void conversationsOfShareGptAreSentAsTheyAre() throws Exception {
    Path file =
        write(
            "sharegpt.json",
            """
            [{"id": "a", "conversations": [
               {"from": "human", "value": "What is a kernel?"},
               {"from": "gpt", "value": "%s"}]},
             {"id": "b", "conversations": [{"from": "gpt", "value": "Nobody asked."}]},
             {"id": "c", "conversations": [
               {"from": "system", "value": "Be brief."},
               {"from": "human", "value": "Grüße — 日本"},
               {"from": "gpt", "value": "Hi."}]}]
            """
                .formatted("x".repeat(400)));
    Timing timing = new Timing.Scheduled(new Arrivals.Constant(1), 10_000_000_000L, 10);

    LoadPlan plan =
        new LoadPlanner(1, PromptForm.TEXT, null, 1_000, 0, 0, new Sampling(0, true))
            .plan(Recording.read(file, 1), timing);

    assertThat(plan.requests())
        .extracting(PlannedRequest::prompt, PlannedRequest::outputTokens)
        .containsExactlyInAnyOrder(
            org.assertj.core.groups.Tuple.tuple(new Prompt.Text("What is a kernel?"), 101),
            org.assertj.core.groups.Tuple.tuple(new Prompt.Text("Grüße — 日本"), 1));
    assertThatThrownBy(() -> plan(file, timing)).hasMessageContaining("as token ids");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nonsense\n",
        "{\"timestamp\": 1, \"input_length\": 5}\n",
        "{\"id\": 1}\n{\"id\": 2}\n",
        "{\"timestamp\": -1, \"input_length\": 5, \"output_length\": 1}\n",
        "[{\"conversations\": 3}]",
        "[{\"conversations\": ",
        "{\"prompt_tokens\": 1, \"output_tokens\": 1}\ncut\n{\"prompt_tokens\": 1}\n"
      })
  void whatIsNoRecordingIsRefused(String content) throws IOException {
    Path file = write("other", content);

    assertThatThrownBy(() -> Recording.read(file, 1))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("other");
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> Recording.read(directory.resolve("none"), 1))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("none: no such file");
  }

  private LoadPlan plan(Path file, Timing timing) throws InterruptedException {
    return new LoadPlanner(1, PromptForm.TOKENS, null, 50_000, 0, 0, new Sampling(0, true))
        .plan(Recording.read(file, 1), timing);
  }

  private static List<Integer> ids(PlannedRequest request) {
    return ((Prompt.Tokens) request.prompt()).ids();
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }
}
