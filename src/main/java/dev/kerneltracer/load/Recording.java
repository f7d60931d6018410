package dev.kerneltracer.load;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads what others sent once, to send the like again: `requests.jsonl` of an earlier run, a trace
/// in Mooncake's format, or ShareGPT's conversations. The content tells which it is.
public final class Recording {
  private static final JsonMapper JSON = new JsonMapper();

  /// Tokens that one hash of Mooncake's traces stands for.
  private static final int BLOCK_TOKENS = 512;

  /// Conversations that are kept to choose from: more than any run sends, and within the memory.
  private static final int MOST_CONVERSATIONS = 200_000;

  private final Path file;
  private final long seed;
  private final List<RequestShape> shapes = new ArrayList<>();

  private Recording(Path file, long seed) {
    this.file = file;
    this.seed = seed;
  }

  /// Reads a recording.
  ///
  /// @param seed chooses the order of conversations, which have no times, and the tokens of prompts
  ///   whose text was not kept
  /// @throws UserException where it cannot be read or is none of these
  public static RequestSource.Recorded read(Path file, long seed) {
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      return new Recording(file, seed).read(lines);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE, "cannot read " + file + ": " + AtomicFile.reason(e), null, e);
    }
  }

  private RequestSource.Recorded read(BufferedReader lines) throws IOException {
    lines.mark(2);
    int first = lines.read();
    lines.reset();
    boolean conversations = first == '[';
    if (conversations) {
      readConversations();
    } else {
      readLines(lines);
    }
    if (shapes.isEmpty()) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE, file + " holds no request that could be sent", null);
    }
    if (conversations) {
      shuffle();
      return new RequestSource.Recorded(shapes, false);
    }
    shapes.sort(Comparator.comparingLong(RequestShape::startNs));
    long firstNs = shapes.getFirst().startNs();
    return new RequestSource.Recorded(
        shapes.stream().map(shape -> shape.at(shape.startNs() - firstNs)).toList(), true);
  }

  private void readLines(BufferedReader lines) throws IOException {
    int number = 0;
    @Nullable String line;
    while ((line = lines.readLine()) != null) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      @Nullable JsonNode node = null;
      try {
        node = JSON.readTree(line);
      } catch (JacksonException e) {
        // The last line of a run that was killed may be cut short: it is no request.
        if (lines.readLine() != null || number == 1) {
          throw bad(number, "is no JSON", e);
        }
        return;
      }
      shapes.add(
          node.has("hash_ids") || node.has("input_length")
              ? mooncake(node, number)
              : ours(node, number));
    }
  }

  private RequestShape ours(JsonNode node, int number) {
    int prompt = (int) number(node, "prompt_tokens", number);
    int output = (int) number(node, "output_tokens", number);
    JsonNode intended = node.path("intended_start_ns");
    return new RequestShape(
        node.path("class").asString("replay"),
        intended.isNumber() ? intended.asLong() : 0,
        new PromptShape(
            new long[] {Randomness.derived(seed, "replay", shapes.size())},
            new int[] {Math.max(1, prompt)}),
        false,
        null,
        Math.max(1, output));
  }

  /// A hash stands for a block of tokens and all before it, so that equal hashes are equal
  /// beginnings.
  private RequestShape mooncake(JsonNode node, int number) {
    int input = Math.max(1, (int) number(node, "input_length", number));
    int output = Math.max(1, (int) number(node, "output_length", number));
    long startNs = (long) (number(node, "timestamp", number) * 1e6);
    JsonNode hashes = node.path("hash_ids");
    // A prompt that ends inside its last block has that block shorter; one that has no hash for its
    // end has an end of its own.
    int parts = Math.min(hashes.size(), (input + BLOCK_TOKENS - 1) / BLOCK_TOKENS);
    long[] seeds = new long[parts + 1];
    int[] lengths = new int[parts + 1];
    int left = input;
    for (int part = 0; part < parts; part++) {
      seeds[part] = Randomness.derived(seed, "block", hashes.get(part).asLong());
      lengths[part] = Math.min(left, BLOCK_TOKENS);
      left -= lengths[part];
    }
    seeds[parts] = Randomness.derived(seed, "replay", shapes.size());
    lengths[parts] = left;
    return new RequestShape(
        "replay", startNs, new PromptShape(seeds, lengths), false, null, output);
  }

  private double number(JsonNode node, String key, int line) {
    JsonNode value = node.path(key);
    if (!value.isNumber() || !(value.asDouble() >= 0) || value.asDouble() > Long.MAX_VALUE / 1e6) {
      throw bad(line, "has no number '" + key + "'", null);
    }
    return value.asDouble();
  }

  private UserException bad(int line, String why, @Nullable Throwable cause) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        file + ", line " + line + ", " + why,
        "A recording is a requests.jsonl of ours, a trace in Mooncake's format (timestamp,"
            + " input_length, output_length, hash_ids) or ShareGPT's JSON.",
        cause);
  }

  /// One conversation at a time, since such files are larger than a heap.
  private void readConversations() {
    try (JsonParser parser = JSON.createParser(file)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.START_OBJECT && shapes.size() < MOST_CONVERSATIONS) {
        addConversation(parser.readValueAsTree());
      }
    } catch (JacksonException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          file + " is no JSON of conversations: " + e.getOriginalMessage(),
          null,
          e);
    }
  }

  /// The first question, and an answer as long as the one that it got.
  private void addConversation(JsonNode node) {
    JsonNode turns = node.path("conversations");
    for (int i = 0; i + 1 < turns.size(); i++) {
      String asked = turns.get(i).path("value").asString("");
      String answered = turns.get(i + 1).path("value").asString("");
      String from = turns.get(i).path("from").asString("");
      if ((from.equals("human") || from.equals("user"))
          && !asked.isBlank()
          && !answered.isBlank()) {
        shapes.add(new RequestShape("sharegpt", 0, null, false, asked, answered.length() / 4 + 1));
        return;
      }
    }
  }

  private void shuffle() {
    Randomness random = Randomness.of(seed, "conversations", 0);
    for (int i = shapes.size() - 1; i > 0; i--) {
      int other = random.below(i + 1);
      RequestShape moved = shapes.get(i);
      shapes.set(i, shapes.get(other));
      shapes.set(other, moved);
    }
  }
}
