package dev.kerneltracer.cli;

import dev.kerneltracer.load.Prompt;
import dev.kerneltracer.load.Tokenizer;
import dev.kerneltracer.python.TokenCounter;
import java.util.ArrayList;
import java.util.List;

/// Has the prompts of a plan counted by a model's tokenizer.
final class PromptTokens implements Tokenizer {
  private final TokenCounter counter;

  PromptTokens(TokenCounter counter) {
    this.counter = counter;
  }

  @Override
  public int[] count(List<Prompt> prompts) throws InterruptedException {
    int[] counts = new int[prompts.size()];
    List<String> texts = new ArrayList<>();
    List<String> chats = new ArrayList<>();
    for (Prompt prompt : prompts) {
      switch (prompt) {
        case Prompt.Text text -> texts.add(text.text());
        case Prompt.Chat chat -> chats.add(chat.messages().getLast().content());
        case Prompt.Tokens _ -> {}
      }
    }
    int[] ofTexts = texts.isEmpty() ? new int[0] : counter.texts(texts);
    int[] ofChats = chats.isEmpty() ? new int[0] : counter.chats(chats);
    int text = 0;
    int chat = 0;
    for (int i = 0; i < counts.length; i++) {
      counts[i] =
          switch (prompts.get(i)) {
            case Prompt.Text _ -> ofTexts[text++];
            case Prompt.Chat _ -> ofChats[chat++];
            case Prompt.Tokens tokens -> tokens.ids().size();
          };
    }
    return counts;
  }
}
