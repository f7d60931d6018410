package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A model's tokenizer in a Python process, as servers use it. It reads files of the model alone:
/// it is told not to ask any hub.
public final class TokenCounter implements AutoCloseable {
  private static final String MARK = "kerneltracer-tokens:";
  private static final JsonMapper JSON = new JsonMapper();

  private final Path model;
  private final Process process;
  private final BufferedWriter questions;
  private final BufferedReader answers;

  private TokenCounter(Path model, Process process) {
    this.model = model;
    this.process = process;
    this.questions = process.outputWriter(StandardCharsets.UTF_8);
    this.answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /// Starts it.
  ///
  /// @param python which has Transformers
  /// @param model the directory with its tokenizer
  /// @throws UserException where there is none that can be used
  public static TokenCounter start(Interpreter python, Path model, boolean trustRemoteCode)
      throws InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            python.executable().toString(),
            "-c",
            PythonScript.COUNT_TOKENS.text(),
            model.toString(),
            trustRemoteCode ? "True" : "False");
    builder.environment().put("HF_HUB_OFFLINE", "1");
    builder.environment().put("TRANSFORMERS_OFFLINE", "1");
    builder.environment().put("PYTHONUNBUFFERED", "1");
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    TokenCounter counter;
    try {
      counter = new TokenCounter(model, builder.start());
    } catch (IOException e) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "cannot run " + python.executable() + ": " + AtomicFile.reason(e),
          "See kerneltracer env doctor.",
          e);
    }
    boolean ready = false;
    try {
      counter.answer();
      ready = true;
      return counter;
    } finally {
      if (!ready) {
        counter.close();
      }
    }
  }

  /// The length of each text with what the tokenizer itself adds.
  public int[] texts(List<String> texts) throws InterruptedException {
    return ask("texts", texts);
  }

  /// The length of each text as the one message of a conversation, by the model's chat template.
  ///
  /// @throws UserException where it has none
  public int[] chats(List<String> texts) throws InterruptedException {
    return ask("chats", texts);
  }

  private int[] ask(String kind, List<String> texts) throws InterruptedException {
    ObjectNode question = JSON.createObjectNode();
    ArrayNode array = question.putArray(kind);
    texts.forEach(array::add);
    try {
      questions.write(JSON.writeValueAsString(question));
      questions.newLine();
      questions.flush();
    } catch (IOException e) {
      throw gone(e);
    }
    JsonNode counts = answer().path("counts");
    List<Integer> numbers = new ArrayList<>(counts.size());
    counts.forEach(count -> numbers.add(count.asInt()));
    if (numbers.size() != texts.size()) {
      throw new IllegalStateException(numbers.size() + " counts for " + texts.size() + " texts");
    }
    return numbers.stream().mapToInt(Integer::intValue).toArray();
  }

  /// Waits for the next answer on a thread of its own, since reading a pipe hears no interrupt.
  private JsonNode answer() throws InterruptedException {
    List<String> lines = new ArrayList<>();
    Thread reader =
        Thread.ofVirtual()
            .start(() -> {
              try {
                @Nullable String line;
                while ((line = answers.readLine()) != null && lines.isEmpty()) {
                  if (line.startsWith(MARK)) {
                    lines.add(line.substring(MARK.length()));
                    return;
                  }
                }
              } catch (IOException e) {
                // The process is gone: there is no answer.
              }
            });
    try {
      reader.join();
    } catch (InterruptedException e) {
      close();
      throw e;
    }
    if (lines.isEmpty()) {
      throw gone(null);
    }
    JsonNode answer = JSON.readTree(lines.getFirst());
    if (answer.has("error")) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "the tokenizer in " + model + " cannot be used: " + answer.path("error").asString(),
          "Choose another by --tokenizer, or send token ids: --prompts ids.");
    }
    return answer;
  }

  private UserException gone(@Nullable IOException e) {
    return new UserException(
        ExitCode.ENVIRONMENT,
        "the process with the tokenizer of " + model + " ended",
        "See kerneltracer env doctor, or send token ids: --prompts ids.",
        e);
  }

  /// Ends the process.
  @Override
  public void close() {
    process.destroyForcibly();
    try (BufferedReader _ = answers) {
      questions.close();
    } catch (IOException | UncheckedIOException e) {
      // It is gone with what was meant for it.
    }
  }
}
