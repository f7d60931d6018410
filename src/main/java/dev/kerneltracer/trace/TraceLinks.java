package dev.kerneltracer.trace;

import dev.kerneltracer.SecondCore;
import java.util.concurrent.FutureTask;

/// The joins between the rows of a trace. Every method takes a row and gives a row, -1 for none.
///
/// A kernel, copy or fill is joined to the runtime row of its `correlation`, whatever launched it
/// (runtime, driver, graph, hip); several with one correlation, as in a graph replay, share it. Its
/// operator is the one whose `External id` the launch carries, else the one whose id it carries
/// itself, else the innermost operator on the launch's thread within whose time the launch starts.
/// Where the launches carry their correlation as `External id` (Kineto of 2022 to early 2024) ids
/// say nothing and only time counts. Device work that was launched where no module is around, as on
/// a backward thread, has the module of the forward operator.
public final class TraceLinks {
  private final Events events;
  private final ThreadNesting nesting;
  private final ForwardLinks forward;
  private final int[] launch;
  private final boolean idsAreCorrelations;
  private final long kernelsJoinedById;
  private long joinedById;

  private TraceLinks(Events events) {
    this.events = events;
    FutureTask<Launches> beside = SecondCore.started(() -> new Launches(events));
    this.nesting = new ThreadNesting(events);
    this.forward = new ForwardLinks(events, nesting);
    Launches launches = SecondCore.result(beside);
    this.launch = launches.launch;
    this.idsAreCorrelations = launches.carryTheirCorrelation;
    joinOperators(events.kernels(), launches);
    kernelsJoinedById = joinedById;
    joinOperators(events.copies(), launches);
  }

  public static TraceLinks of(Trace trace) {
    return new TraceLinks(trace.events());
  }

  private void joinOperators(IntColumn work, Launches launches) {
    for (int i = 0; i < work.size(); i++) {
      int row = work.get(i);
      int from = launch[row];
      int operator = from < 0 ? -1 : byId(launches.operators, from);
      if (operator < 0) {
        operator = byId(launches.operators, row);
      }
      if (operator >= 0) {
        joinedById++;
      } else if (from >= 0) {
        operator = nesting.operator[from];
      }
      nesting.operator[row] = operator;
      int host = from >= 0 ? from : operator;
      if (host >= 0) {
        nesting.module[row] = nesting.module[host];
        nesting.python[row] = nesting.python[host];
        nesting.annotation[row] = nesting.annotation[host];
      }
      int forwardOperator = nesting.module[row] < 0 ? forward.of(operator) : -1;
      if (forwardOperator >= 0) {
        nesting.module[row] = nesting.module[forwardOperator];
      }
    }
  }

  private int byId(RowsById operators, int row) {
    long id = events.externalId(row);
    return id == 0 ? -1 : operators.get(id);
  }

  /// The runtime row that launched a kernel, copy or fill.
  public int launch(int row) {
    return launch[row];
  }

  /// The operator that a kernel, copy or fill belongs to, or the innermost one around a row of the
  /// CPU (for an operator: its parent).
  public int operator(int row) {
    return nesting.operator[row];
  }

  /// The innermost operator, runtime call or annotation wholly around a row of the CPU.
  public int parent(int row) {
    return nesting.parent[row];
  }

  /// The innermost call of a module, as in [Events#isModule], around a row, or around its launch;
  /// of backward device work that around its forward operator.
  public int module(int row) {
    return nesting.module[row];
  }

  /// The innermost Python function around a row, or around its launch; of a Python function its
  /// caller.
  public int python(int row) {
    return nesting.python[row];
  }

  /// The innermost user's annotation around a row, or around its launch.
  public int annotation(int row) {
    return nesting.annotation[row];
  }

  /// The forward operator of a backward operator or of what it called and launched.
  public int forward(int row) {
    return forward.of(events.category(row) == Category.OPERATOR ? row : operator(row));
  }

  /// The rows of the CPU in order of time.
  public ThreadRows threadRows() {
    return nesting.rows;
  }

  /// Whether the file's launches carry their correlation in place of an operator's id.
  public boolean idsAreCorrelations() {
    return idsAreCorrelations;
  }

  /// How many kernels found their operator by id; the others by time, or not at all.
  public long kernelsJoinedById() {
    return kernelsJoinedById;
  }
}
