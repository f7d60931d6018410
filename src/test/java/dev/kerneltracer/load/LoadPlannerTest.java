package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.kerneltracer.UserException;
import dev.kerneltracer.load.LoadPlan.Sampling;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToIntFunction;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LoadPlannerTest {
  private static final long MINUTE_NS = 60_000_000_000L;
  private static final Timing MINUTE =
      new Timing.Scheduled(new Arrivals.Poisson(25), MINUTE_NS, 1_000_000);
  private static final RequestSource DEFAULT = new RequestSource.Mixed(Mix.DEFAULT);

  /// Tokens as a tokenizer of whole words would count them, with one more for the beginning of the
  /// text and one for each of its longest words.
  private static final Tokenizer WORDS =
      prompts -> prompts.stream().mapToInt(LoadPlannerTest::tokens).toArray();

  @ParameterizedTest
  @EnumSource
  void theSameSeedGivesTheSameBytesAndAnotherOneOthers(PromptForm form) throws Exception {
    byte[] plan = bytes(planner(42, form, 0).plan(DEFAULT, MINUTE));

    assertThat(bytes(planner(42, form, 0).plan(DEFAULT, MINUTE))).isEqualTo(plan);
    assertThat(bytes(planner(43, form, 0).plan(DEFAULT, MINUTE))).isNotEqualTo(plan);
  }

  /// A plan of a later version must not differ unnoticed from that of an earlier one.
  @Test
  void thePlanOfASeedIsTheSameOnEveryMachine() throws Exception {
    LoadPlan plan = planner(42, PromptForm.TOKENS, 0).plan(DEFAULT, MINUTE);
    CRC32C sum = new CRC32C();
    sum.update(bytes(plan));

    assertThat(plan.requests()).hasSize(1_484);
    assertThat(sum.getValue()).isEqualTo(2_684_831_877L);
  }

  @Test
  void theDefaultMixHasItsSharesAndLengths() throws Exception {
    LoadPlan plan =
        planner(1, PromptForm.TOKENS, 0)
            .plan(DEFAULT, new Timing.Scheduled(new Arrivals.Poisson(1_000), MINUTE_NS, 1_000_000));

    int all = plan.requests().size();
    assertThat(all).isBetween(59_000, 61_000);
    assertThat(of("chat", plan).size() / (double) all).isCloseTo(0.6, within(0.01));
    assertThat(of("rag", plan).size() / (double) all).isCloseTo(0.3, within(0.01));
    assertThat(of("code", plan).size() / (double) all).isCloseTo(0.1, within(0.01));
    // Clipping moves the means a little.
    assertThat(mean(of("rag", plan), PlannedRequest::promptTokens)).isCloseTo(2500, within(50.0));
    assertThat(mean(of("chat", plan), PlannedRequest::promptTokens)).isCloseTo(50, within(2.0));
    assertThat(mean(of("chat", plan), PlannedRequest::outputTokens)).isCloseTo(150, within(3.0));
    assertThat(mean(of("rag", plan), PlannedRequest::outputTokens)).isCloseTo(200, within(3.0));
    assertThat(plan.requests())
        .filteredOn(request -> request.requestClass().equals("rag"))
        .allMatch(request -> request.promptTokens() >= 500 && request.promptTokens() <= 8000);
  }

  @Test
  void anotherRateSendsTheSameRequestsAtOtherTimes() throws Exception {
    LoadPlanner planner = planner(7, PromptForm.TOKENS, 0);
    LoadPlan slow = planner.plan(DEFAULT, MINUTE);
    LoadPlan fast =
        planner.plan(DEFAULT, new Timing.Scheduled(new Arrivals.Poisson(50), MINUTE_NS, 1_000_000));

    for (int i = 0; i < slow.requests().size(); i++) {
      PlannedRequest one = slow.requests().get(i);
      PlannedRequest other = fast.requests().get(i);
      assertThat(other.prompt()).isEqualTo(one.prompt());
      assertThat(other.outputTokens()).isEqualTo(one.outputTokens());
    }
    assertThat(fast.requests()).hasSizeGreaterThan(slow.requests().size() * 3 / 2);
  }

  @Test
  void promptAndAnswerShrinkInProportionToFitTheContext() throws Exception {
    LoadPlan free = planner(3, PromptForm.TOKENS, 0).plan(DEFAULT, MINUTE);
    LoadPlan tight = planner(3, PromptForm.TOKENS, 2_048).plan(DEFAULT, MINUTE);

    int shrunk = 0;
    for (int i = 0; i < free.requests().size(); i++) {
      PlannedRequest before = free.requests().get(i);
      PlannedRequest after = tight.requests().get(i);
      double sum = before.promptTokens() + before.outputTokens();
      assertThat(after.promptTokens() + after.outputTokens()).isLessThanOrEqualTo(1_998);
      if (sum <= 1_998) {
        assertThat(after).isEqualTo(before);
      } else {
        shrunk++;
        assertThat(after.promptTokens())
            .isCloseTo((int) (before.promptTokens() * 1_998 / sum), within(1));
        assertThat(after.outputTokens())
            .isCloseTo((int) (before.outputTokens() * 1_998 / sum), within(1));
      }
    }
    assertThat(shrunk).isGreaterThan(100);
  }

  @Test
  void textHasAsManyTokensAsTheTokenizerSays() throws Exception {
    LoadPlan ids = planner(5, PromptForm.TOKENS, 0).plan(DEFAULT, MINUTE);
    LoadPlan texts = planner(5, PromptForm.TEXT, 0).plan(DEFAULT, MINUTE);

    for (int i = 0; i < ids.requests().size(); i++) {
      PlannedRequest text = texts.requests().get(i);
      assertThat(text.promptTokens())
          .isEqualTo(ids.requests().get(i).promptTokens())
          .isEqualTo(tokens(text.prompt()));
    }
    assertThat(texts.requests())
        .filteredOn(request -> request.requestClass().equals("rag"))
        .allMatch(request ->
            request.prompt() instanceof Prompt.Text text && text.text().contains(" Question: "));
  }

  @Test
  void withoutATokenizerNobodyPretendsToKnowTheLengthOfText() throws Exception {
    LoadPlanner planner =
        new LoadPlanner(5, PromptForm.CHAT, null, 1_000, 0, 0, new Sampling(0, true));

    assertThat(planner.plan(DEFAULT, MINUTE).requests())
        .allMatch(request -> request.promptTokens() == -1)
        .allMatch(request ->
            request.prompt() instanceof Prompt.Chat chat
                && chat.messages().getFirst().role().equals("user"));
  }

  @ParameterizedTest
  @EnumSource(names = {"TOKENS", "TEXT"})
  void requestsOfAClassShareThePrefixesOfTheirGroupsAndNothingElse(PromptForm form)
      throws Exception {
    Mix mix =
        new Mix(
            List.of(
                new RequestClass(
                    "agent",
                    1,
                    new Lengths.Fixed(200),
                    new Lengths.Fixed(1),
                    0.5,
                    new RequestClass.SharedPrefix(3, 128))));

    LoadPlan plan = planner(11, form, 0).plan(new RequestSource.Mixed(mix), MINUTE);

    Set<List<?>> prefixes = new HashSet<>();
    Set<List<?>> longer = new HashSet<>();
    for (PlannedRequest request : plan.requests()) {
      List<?> parts =
          switch (request.prompt()) {
            case Prompt.Tokens tokens -> tokens.ids();
            case Prompt.Text text -> List.of(text.text().split(" ", -1));
            case Prompt.Chat _ -> throw new AssertionError();
          };
      prefixes.add(List.copyOf(parts.subList(0, 80)));
      longer.add(List.copyOf(parts.subList(0, Math.min(150, parts.size()))));
    }
    assertThat(prefixes).hasSize(3);
    assertThat(longer).hasSize(plan.requests().size());
  }

  @Test
  void warmUpRequestsComeFirstAndAreNoneOfTheOthers() throws Exception {
    LoadPlanner planner =
        new LoadPlanner(5, PromptForm.TOKENS, null, 1_000, 0, 5, new Sampling(0, true));

    LoadPlan plan = planner.plan(DEFAULT, MINUTE);

    assertThat(plan.warmup()).extracting(PlannedRequest::id).containsExactly(-5, -4, -3, -2, -1);
    assertThat(plan.requests().getFirst().id()).isZero();
    assertThat(plan.requests())
        .extracting(PlannedRequest::prompt)
        .doesNotContainAnyElementsOf(plan.warmup().stream().map(PlannedRequest::prompt).toList());
  }

  @Test
  void aClosedLoopIsPacedByItsConcurrency() throws Exception {
    LoadPlan plan =
        planner(1, PromptForm.TOKENS, 0).plan(DEFAULT, new Timing.WhenFree(8, MINUTE_NS, 100));

    assertThat(plan.pace()).isEqualTo(new LoadPlan.Pace.Closed(8));
    assertThat(plan.requests()).hasSize(100).allMatch(request -> request.intendedStartNs() == 0);
    assertThat(plan.durationNs()).isEqualTo(MINUTE_NS);
  }

  @Test
  void tokenIdsStayInTheVocabulary() throws Exception {
    LoadPlanner planner =
        new LoadPlanner(5, PromptForm.TOKENS, null, 300, 0, 0, new Sampling(0, true));

    Set<Integer> ids = new HashSet<>();
    for (PlannedRequest request : planner.plan(DEFAULT, MINUTE).requests()) {
      ids.addAll(((Prompt.Tokens) request.prompt()).ids());
    }

    assertThat(ids).hasSize(290).allMatch(id -> id >= 10 && id < 300);
  }

  @Test
  void nothingToSendIsAMistake() {
    assertThatThrownBy(() ->
            planner(1, PromptForm.TOKENS, 0)
                .plan(DEFAULT, new Timing.Scheduled(new Arrivals.Constant(1), 0, 10)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no request would be sent");
  }

  @Test
  void weightsChooseAmongTheClasses() {
    Mix mix = Mix.DEFAULT.weighted("code=3, chat=1");

    assertThat(mix.classes()).extracting(RequestClass::name).containsExactly("code", "chat");
    assertThat(mix.classes()).extracting(RequestClass::weight).containsExactly(3.0, 1.0);
    assertThatThrownBy(() -> Mix.DEFAULT.weighted("chats=1")).hasMessageContaining("'chats'");
    assertThatThrownBy(() -> Mix.DEFAULT.weighted("chat=1,chat=2")).hasMessageContaining("twice");
    assertThatThrownBy(() -> Mix.DEFAULT.weighted("chat=x")).hasMessageContaining("no number");
    assertThatThrownBy(() -> Mix.DEFAULT.weighted("chat=-1")).hasMessageContaining("0 or more");
    assertThatThrownBy(() -> Mix.DEFAULT.weighted("chat=0")).hasMessageContaining("above 0");
  }

  private static List<PlannedRequest> of(String name, LoadPlan plan) {
    return plan.requests().stream().filter(r -> r.requestClass().equals(name)).toList();
  }

  private static double mean(List<PlannedRequest> requests, ToIntFunction<PlannedRequest> value) {
    return requests.stream().mapToInt(value).average().orElseThrow();
  }

  private static LoadPlanner planner(long seed, PromptForm form, int contextTokens) {
    @Nullable Tokenizer tokenizer = form == PromptForm.TOKENS ? null : WORDS;
    return new LoadPlanner(seed, form, tokenizer, 1_000, contextTokens, 2, new Sampling(0, true));
  }

  private static int tokens(Prompt prompt) {
    String text =
        switch (prompt) {
          case Prompt.Text plain -> plain.text();
          case Prompt.Chat chat -> chat.messages().getFirst().content();
          case Prompt.Tokens _ -> throw new AssertionError("counted already");
        };
    int count = 1;
    for (String word : text.split(" ", -1)) {
      count += word.length() > 7 ? 2 : 1;
    }
    return count;
  }

  private static byte[] bytes(LoadPlan plan) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PlanFile.writeAll(plan, bytes);
    return bytes.toByteArray();
  }
}
