package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A real tokenizer of Transformers, trained here.
@Tag("real")
class TokenCounterTest {
  @TempDir Path directory;

  @Test
  void countsAsTheTokenizerDoesWithWhatItAddsItself() throws Exception {
    Interpreter python = RealPython.transformers();
    Path model = directory.resolve("model");
    python(
        python,
        """
        import sys
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
        from transformers import PreTrainedTokenizerFast
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.train_from_iterator(
            ["the cat sat on the mat and the dog sat on the cat"] * 9,
            trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>"],
                                initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
        fast = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>")
        fast.chat_template = "{% for m in messages %}<s>{{ m.role }} {{ m.content }}{% endfor %} the"
        fast.save_pretrained(sys.argv[1])
        """,
        model.toString());

    try (TokenCounter counter = TokenCounter.start(python, model, false)) {
      int[] texts = counter.texts(List.of("the", "the the the", "日本 \"\n", ""));

      // Each " the" is one token, and <s> begins every text.
      assertThat(texts[0]).isEqualTo(texts[3] + lengthOf("the", counter));
      assertThat(texts[1] - texts[0]).isEqualTo(2);
      assertThat(texts[2]).isBetween(8, 12);
      assertThat(texts[3]).isEqualTo(1);
      // <s>, the role's letters, " the" of the message, " the" of the template.
      int[] chats = counter.chats(List.of("the", "the the"));
      assertThat(chats[1] - chats[0]).isEqualTo(1);
      assertThat(chats[0]).isBetween(4, 8);
    }
  }

  @Test
  void aDirectoryWithoutOneIsSaid() throws Exception {
    Interpreter python = RealPython.transformers();
    Path empty = Files.createDirectory(directory.resolve("empty"));

    assertThatThrownBy(() -> TokenCounter.start(python, empty, false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("the tokenizer in " + empty + " cannot be used");
  }

  private static int lengthOf(String text, TokenCounter counter) throws InterruptedException {
    return counter.texts(List.of(text))[0] - 1;
  }

  private static void python(Interpreter python, String script, String argument) throws Exception {
    Process process =
        new ProcessBuilder(python.executable().toString(), "-c", script, argument)
            .inheritIO()
            .start();
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).isZero();
  }
}
