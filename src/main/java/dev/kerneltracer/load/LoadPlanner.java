package dev.kerneltracer.load;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.LoadPlan.Pace;
import dev.kerneltracer.load.LoadPlan.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Makes plans. A request depends on the seed and its place in the plan alone, so that runs at
/// other rates or of other durations send the same requests in the same order.
///
/// @param form how prompts are sent; token ids need no tokenizer
/// @param tokenizer counts the tokens of text; null where there is none
/// @param vocabulary how many token ids there are
/// @param contextTokens longest sequence that the server takes, 0 where unknown
/// @param warmup how many requests are sent before what is measured
public record LoadPlanner(
    long seed,
    PromptForm form,
    @Nullable Tokenizer tokenizer,
    int vocabulary,
    int contextTokens,
    int warmup,
    Sampling sampling) {
  /// Ids that every vocabulary of a language model has.
  public static final int SAFE_VOCABULARY = 1_000;

  /// Tokens of the context that stay free.
  static final int CONTEXT_MARGIN = 50;

  /// Texts that are counted at a time.
  private static final int COUNTED_AT_ONCE = 500;

  /// Makes a plan.
  ///
  /// @throws UserException where nothing would be sent
  public LoadPlan plan(RequestSource source, Timing timing) throws InterruptedException {
    List<RequestShape> shapes = shapes(source, timing);
    if (shapes.isEmpty()) {
      throw new UserException(
          ExitCode.USAGE,
          "no request would be sent",
          "Choose a longer --duration or a higher --rate.");
    }
    List<RequestShape> all = new ArrayList<>();
    for (int i = 0; i < warmup; i++) {
      all.add(warmupShape(source, i));
    }
    all.addAll(shapes);
    List<PlannedRequest> written = written(all);
    Pace pace =
        timing instanceof Timing.WhenFree free
            ? new Pace.Closed(free.concurrency())
            : new Pace.Open();
    long durationNs =
        switch (timing) {
          case Timing.Scheduled scheduled -> scheduled.durationNs();
          case Timing.AsRecorded recorded -> recorded.durationNs();
          case Timing.WhenFree free -> free.durationNs();
        };
    return new LoadPlan(
        seed,
        pace,
        sampling,
        List.copyOf(written.subList(0, warmup)),
        List.copyOf(written.subList(warmup, written.size())),
        durationNs);
  }

  private List<RequestShape> shapes(RequestSource source, Timing timing) {
    List<RequestShape> shapes = new ArrayList<>();
    switch (timing) {
      case Timing.Scheduled scheduled -> {
        int most = Math.min(scheduled.mostRequests(), available(source));
        long[] times = scheduled.arrivals().times(seed, scheduled.durationNs(), most);
        if (times.length == 0 && scheduled.durationNs() > 0) {
          times = new long[1]; // so low a rate that chance would send nothing
        }
        for (int i = 0; i < times.length; i++) {
          shapes.add(shape(source, i).at(times[i]));
        }
      }
      case Timing.AsRecorded recorded -> {
        for (int i = 0; i < Math.min(recorded.mostRequests(), available(source)); i++) {
          RequestShape shape = shape(source, i);
          long startNs = (long) (shape.startNs() / recorded.speed());
          if (startNs < recorded.durationNs()) {
            shapes.add(shape.at(startNs));
          }
        }
      }
      case Timing.WhenFree free -> {
        for (int i = 0; i < Math.min(free.mostRequests(), available(source)); i++) {
          shapes.add(shape(source, i).at(0));
        }
      }
    }
    return shapes;
  }

  private static int available(RequestSource source) {
    return switch (source) {
      case RequestSource.Mixed _ -> Integer.MAX_VALUE;
      case RequestSource.Recorded recorded -> recorded.shapes().size();
    };
  }

  private RequestShape shape(RequestSource source, int index) {
    return switch (source) {
      case RequestSource.Mixed mixed -> drawn(mixed.mix(), "request", index);
      case RequestSource.Recorded recorded -> recorded.shapes().get(index);
    };
  }

  /// Warm-up requests are like the others but never the same, so that none of those is found in a
  /// cache because of them; a recording's text alone can't be had otherwise.
  private RequestShape warmupShape(RequestSource source, int index) {
    return switch (source) {
      case RequestSource.Mixed mixed -> drawn(mixed.mix(), "warm-up", index);
      case RequestSource.Recorded recorded -> {
        RequestShape like = recorded.shapes().get(index % recorded.shapes().size());
        int tokens = like.prompt() == null ? 32 : Math.max(1, like.prompt().tokens());
        PromptShape prompt =
            new PromptShape(
                new long[] {Randomness.derived(seed, "warm-up", index)}, new int[] {tokens});
        yield new RequestShape(like.requestClass(), 0, prompt, false, null, like.outputTokens());
      }
    };
  }

  private RequestShape drawn(Mix mix, String purpose, int index) {
    Randomness random = Randomness.of(seed, purpose, index);
    RequestClass of = mix.draw(random);
    int input = Math.max(1, of.input().draw(random));
    int output = Math.max(1, of.output().draw(random));
    int prefix = of.prefix() == null ? 0 : Math.min(of.prefix().tokens(), input - 1);
    long prefixSeed =
        of.prefix() == null
            ? 0
            : Randomness.derived(seed, "prefix " + of.name(), random.below(of.prefix().groups()));
    int context = (int) (of.contextShare() * (input - prefix));
    PromptShape prompt =
        new PromptShape(
            new long[] {prefixSeed, random.nextLong(), random.nextLong()},
            new int[] {prefix, context, input - prefix - context});
    return new RequestShape(of.name(), 0, prompt, of.contextShare() > 0, null, output);
  }

  private List<PlannedRequest> written(List<RequestShape> shapes) throws InterruptedException {
    List<PlannedRequest> requests = new ArrayList<>(shapes.size());
    PromptText words = form == PromptForm.TOKENS ? null : PromptText.of(form, tokenizer);
    for (int from = 0; from < shapes.size(); from += COUNTED_AT_ONCE) {
      List<RequestShape> some =
          shapes.subList(from, Math.min(shapes.size(), from + COUNTED_AT_ONCE));
      List<Prompt> prompts = new ArrayList<>(some.size());
      List<RequestShape> fitted = new ArrayList<>(some.size());
      for (RequestShape shape : some) {
        RequestShape within =
            shape.prompt() == null ? shape : shape.within(contextTokens, shape.prompt().tokens());
        fitted.add(within);
        prompts.add(prompt(within, words));
      }
      int[] counts =
          words == null
              ? prompts.stream().mapToInt(LoadPlanner::ids).toArray()
              : tokenizer == null ? null : tokenizer.count(prompts);
      for (int i = 0; i < some.size(); i++) {
        int tokens = counts == null ? -1 : counts[i];
        RequestShape shape = fitted.get(i);
        if (shape.prompt() == null) {
          int prompt = tokens < 0 ? estimate(shape) : tokens;
          if (contextTokens > 0 && prompt + CONTEXT_MARGIN >= contextTokens) {
            continue; // no server takes it, and a text cut short would be another text
          }
          shape = shape.within(contextTokens, prompt);
        }
        requests.add(
            new PlannedRequest(
                requests.size() - warmup,
                shape.requestClass(),
                shape.startNs(),
                prompts.get(i),
                tokens,
                shape.outputTokens()));
      }
    }
    return requests;
  }

  private Prompt prompt(RequestShape shape, @Nullable PromptText words) {
    if (shape.text() != null) {
      if (words == null) {
        throw new UserException(
            ExitCode.USAGE,
            "a recording of texts cannot be sent as token ids",
            "Leave out --prompts ids.");
      }
      return PromptText.prompt(form, shape.text());
    }
    PromptShape prompt = Objects.requireNonNull(shape.prompt());
    return words == null
        ? new Prompt.Tokens(new TokenIds(prompt, vocabulary))
        : words.write(prompt, shape.asksLast());
  }

  private static int ids(Prompt prompt) {
    return prompt instanceof Prompt.Tokens tokens ? tokens.ids().size() : -1;
  }

  /// A token of English is about four characters.
  private static int estimate(RequestShape shape) {
    return shape.text() == null ? 0 : shape.text().length() / 4 + 1;
  }
}
