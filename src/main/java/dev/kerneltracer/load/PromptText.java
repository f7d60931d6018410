package dev.kerneltracer.load;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Writes prompts of common words that have as many tokens as they shall have. How many tokens a
/// word adds to a text is asked of the tokenizer beforehand; without one a word counts as one.
final class PromptText {
  private static final String QUESTION = "Question:";
  private static final List<String> WORDS =
      List.of(
          """
          the of and to in a is that for it as was with be by on not he his but at are this have \
          from or had an they which one you were all her she there would their we him been has when \
          who will no more if out so up said what its about than into them can only other time new \
          some could these two may first then do any like my now over such our man me even most \
          made after also did many off before must well back through years where much your way down \
          should because long each just state people too mister little under good world make very \
          year still see own work men day get here old life both between being three know same last \
          while part might great against go come us place since number right however small another \
          found every house used point city case high water program line company group system model \
          question answer market order study night money school value paper letter country garden \
          river mountain engine table window market history music science language computer memory \
          network server simple random cache block layer light sound green yellow seven hundred\
          """
              .split("\\s+"));

  /// Draws after which a word that fits is taken instead.
  private static final int MOST_DRAWS = 8;

  private final PromptForm form;
  private final int[] first;
  private final int[] further;
  private final int question;

  private PromptText(PromptForm form, int[] first, int[] further, int question) {
    this.form = form;
    this.first = first;
    this.further = further;
    this.question = question;
  }

  /// Asks what words cost.
  static PromptText of(PromptForm form, @Nullable Tokenizer tokenizer) throws InterruptedException {
    int count = WORDS.size();
    int[] first = new int[count];
    int[] further = new int[count];
    if (tokenizer == null) {
      Arrays.fill(first, 1);
      Arrays.fill(further, 1);
      return new PromptText(form, first, further, 1);
    }
    List<Prompt> asked = new ArrayList<>();
    for (String word : WORDS) {
      asked.add(prompt(form, word));
      asked.add(prompt(form, word + " " + word));
    }
    asked.add(prompt(form, "the " + QUESTION));
    int[] counts = tokenizer.count(asked);
    for (int i = 0; i < count; i++) {
      first[i] = counts[2 * i];
      further[i] = Math.max(1, counts[2 * i + 1] - counts[2 * i]);
    }
    return new PromptText(form, first, further, Math.max(1, counts[2 * count] - counts[0]));
  }

  static Prompt prompt(PromptForm form, String text) {
    return form == PromptForm.CHAT
        ? new Prompt.Chat(List.of(new Prompt.Message("user", text)))
        : new Prompt.Text(text);
  }

  /// The prompt of a shape, as long as words allow and never longer, but for a shape that is
  /// shorter than one word.
  Prompt write(PromptShape shape, boolean asksLast) {
    StringBuilder text = new StringBuilder();
    int left = 0;
    for (int part = 0; part < shape.parts(); part++) {
      left += shape.length(part);
      Randomness random = new Randomness(shape.seed(part));
      if (asksLast && part == shape.parts() - 1 && part > 0 && left > question) {
        text.append(text.isEmpty() ? "" : " ").append(QUESTION);
        left -= question;
      }
      while (left > 0) {
        int[] costs = text.isEmpty() ? first : further;
        int word = fitting(costs, left, random);
        if (word < 0) {
          break;
        }
        text.append(text.isEmpty() ? "" : " ").append(WORDS.get(word));
        left -= costs[word];
      }
    }
    return prompt(form, text.isEmpty() ? WORDS.getFirst() : text.toString());
  }

  private static int fitting(int[] costs, int left, Randomness random) {
    for (int draw = 0; draw < MOST_DRAWS; draw++) {
      int word = random.below(costs.length);
      if (costs[word] <= left) {
        return word;
      }
    }
    for (int word = 0; word < costs.length; word++) {
      if (costs[word] <= left) {
        return word;
      }
    }
    return -1;
  }
}
