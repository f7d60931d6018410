package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GoalSearchTest {
  private static final Goal GOAL = Goal.parse("ttft_p99<500ms");
  private static final GoalSearch SEARCH = new GoalSearch(4, 0.25, 1_000, 0.05, 30);

  @ParameterizedTest
  @ValueSource(doubles = {0.3, 1, 3.9, 4.1, 37, 900})
  void findsTheHighestRateThatAServerHolds(double capacity) throws Exception {
    GoalSearch.Found found = SEARCH.search(GOAL, rate -> metrics(rate <= capacity ? 100 : 900));

    assertThat(Objects.requireNonNull(found.best()).rate())
        .isLessThanOrEqualTo(capacity)
        .isGreaterThan(capacity / 1.06);
    assertThat(found.why()).isEqualTo("found");
    assertThat(found.trials()).hasSizeLessThan(16);
  }

  @Test
  void endsWhereNotEvenTheLowestRateMeetsIt() throws Exception {
    GoalSearch.Found found = SEARCH.search(GOAL, _ -> metrics(900));

    assertThat(found.best()).isNull();
    assertThat(found.trials())
        .extracting(GoalSearch.Tried::rate)
        .containsExactly(4.0, 2.0, 1.0, 0.5, 0.25);
    assertThat(found.why()).contains("not even the lowest");
  }

  @Test
  void endsAtTheHighestRateThatMayBeTried() throws Exception {
    GoalSearch.Found found = SEARCH.search(GOAL, _ -> metrics(1));

    assertThat(Objects.requireNonNull(found.best()).rate()).isEqualTo(1_000);
    assertThat(found.why()).contains("highest rate that may be tried");
  }

  @Test
  void anUntrustworthyTrialMeetsNothing() throws Exception {
    GoalSearch.Found found =
        SEARCH.search(GOAL, rate -> metrics(1, false, rate > 10 ? List.of("late") : List.of()));

    assertThat(Objects.requireNonNull(found.best()).rate()).isBetween(9.4, 10.0);
    assertThat(found.why()).contains("client was too slow");
  }

  @Test
  void anInterruptedTrialEndsTheSearchWithWhatIsKnown() throws Exception {
    List<Double> rates = new ArrayList<>();
    GoalSearch.Found found =
        SEARCH.search(
            GOAL,
            rate -> {
              rates.add(rate);
              return metrics(1, rates.size() == 3, List.of());
            });

    assertThat(found.interrupted()).isTrue();
    assertThat(Objects.requireNonNull(found.best()).rate()).isEqualTo(8);
    assertThat(found.trials()).hasSize(3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ttft_p99<0.5s, tpot_p99 < 50ms",
        "itl_max<=1s",
        "e2e_mean<10s,success>=99.9%",
        "rag.ttft_p95<2s",
        "success>=0.95"
      })
  void goalsAreReadAsPeopleWriteThem(String text) {
    assertThat(Goal.parse(text).conditions()).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ttft<1s",
        "ttft_p99>1s",
        "ttft_p99<1",
        "ttft_p98<1s",
        "success>=200%",
        "ttft_p99<1.2.3s"
      })
  void whatIsNoGoalIsExplained(String text) {
    assertThatThrownBy(() -> Goal.parse(text))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is no goal");
  }

  @Test
  void requestsThatFailCountAgainstEveryGoal() {
    Goal goal = Goal.parse("ttft_p99<500ms");

    assertThat(goal.conditions()).contains(new Goal.Condition.Success(null, 0.99));
    assertThat(Goal.parse("success>=50%").conditions())
        .containsExactly(new Goal.Condition.Success(null, 0.5));
  }

  private static LoadMetrics metrics(long ttftMs) {
    return metrics(ttftMs, false, List.of());
  }

  private static LoadMetrics metrics(long ttftMs, boolean interrupted, List<String> doubts) {
    Distribution none = Distribution.ofSorted(new long[0]);
    Distribution ttft = Distribution.ofSorted(new long[] {ttftMs * 1_000_000});
    ClassMetrics whole =
        new ClassMetrics(
            1, 1, new TreeMap<>(), 1, 1, 1, 1_000_000_000, ttft, ttft, none, none, ttft, ttft);
    return new LoadMetrics(1, interrupted, none, doubts, whole, new TreeMap<>());
  }
}
