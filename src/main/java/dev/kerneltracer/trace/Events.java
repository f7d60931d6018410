package dev.kerneltracer.trace;

/// The complete events (`ph` X) of a trace in file order, one column per property. A row is an
/// index below [#size]; a text is an id of [Trace#strings], -1 where the event has none. What only
/// some kinds of rows have lies in narrower columns behind [#detail].
public final class Events {
  private final EventTables tables;
  private final StringTable strings;
  private final IntColumn names = new IntColumn();
  private final ByteColumn categories = new ByteColumn();
  private final IntColumn threads = new IntColumn();
  private final LongColumn starts = new LongColumn();
  private final LongColumn durations = new LongColumn();
  private final LongColumn externalIds = new LongColumn();
  private final LongColumn correlations = new LongColumn();
  private final IntColumn details = new IntColumn();

  private final IntColumn devices = new IntColumn();
  private final IntColumn streams = new IntColumn();
  private final IntColumn grids = new IntColumn();
  private final IntColumn blocks = new IntColumn();
  private final IntColumn registers = new IntColumn();
  private final IntColumn sharedMemories = new IntColumn();
  private final LongColumn byteCounts = new LongColumn();
  private final ByteColumn occupancies = new ByteColumn();

  private final IntColumn inputDims = new IntColumn();
  private final IntColumn inputTypes = new IntColumn();
  private final LongColumn sequenceNumbers = new LongColumn();
  private final IntColumn forwardThreads = new IntColumn();
  private final IntColumn callStacks = new IntColumn();

  // Rows by kind, in file order: found on the way, so that tables go through what they are about.
  private final IntColumn annotations = new IntColumn();
  private final IntColumn pythonFunctions = new IntColumn();
  private final IntColumn moduleFunctions = new IntColumn();
  private final IntColumn moduleMarks = new IntColumn();
  private final IntColumn operators = new IntColumn();
  private final IntColumn calls = new IntColumn();
  private final IntColumn kernels = new IntColumn();
  private final IntColumn copies = new IntColumn();

  // Of all rows but the profiler's own; a start of 0 may stand for no usable time.
  private long firstStartNs = Long.MAX_VALUE;
  private long lastEndNs = Long.MIN_VALUE;
  private long lastEndFromZeroNs = Long.MIN_VALUE;

  private final Collectives collectives = new Collectives();
  private final MemoryEvents memory = new MemoryEvents();
  private final Flows flows = new Flows();

  private long seen;
  private boolean phaseSeen;
  private long unusableTimes;
  private long negativeDurations;

  Events(EventTables tables) {
    this.tables = tables;
    this.strings = tables.strings();
  }

  /// Adds the rows of the next part of the trace.
  void append(EventBlock part) {
    appendKinds(part);
    appendSpan(part);
    collectives.addAll(part.collectives, size());
    names.addAll(part.names, part.size);
    categories.addAll(part.categories, part.size);
    threads.addAll(part.threads, part.size);
    starts.addAll(part.starts, part.size);
    durations.addAll(part.durations, part.size);
    externalIds.addAll(part.externalIds, part.size);
    correlations.addAll(part.correlations, part.size);
    appendDetailColumns(part);
    memory.addAll(part.memory);
    flows.addAll(part.flows);
    seen += part.seen;
    phaseSeen |= part.phaseSeen;
    unusableTimes += part.unusableTimes;
    negativeDurations += part.negativeDurations;
  }

  private void appendKinds(EventBlock part) {
    int before = size();
    int devicesBefore = devices.size();
    int operatorsBefore = inputDims.size();
    for (int row = 0; row < part.size; row++) {
      int detail = part.details[row];
      switch (tables.categories().category(part.categories[row])) {
        case ANNOTATION -> annotations.add(before + row);
        case PYTHON_FUNCTION -> {
          pythonFunctions.add(before + row);
          if (detail >= 0) {
            moduleFunctions.add(before + row);
          }
        }
        case MODULE -> moduleMarks.add(before + row);
        case OPERATOR -> {
          operators.add(before + row);
          detail += operatorsBefore;
        }
        case RUNTIME -> calls.add(before + row);
        case KERNEL -> {
          kernels.add(before + row);
          detail += devicesBefore;
        }
        case MEMCPY, MEMSET -> {
          copies.add(before + row);
          detail += devicesBefore;
        }
        case GPU_ANNOTATION, PROFILER_SPAN, OTHER -> {}
      }
      details.add(detail);
    }
  }

  private void appendSpan(EventBlock part) {
    for (int row = 0; row < part.size; row++) {
      if (tables.categories().category(part.categories[row]) == Category.PROFILER_SPAN) {
        continue;
      }
      long start = part.starts[row];
      long end = end(start, part.durations[row]);
      if (start == 0) {
        lastEndFromZeroNs = Math.max(lastEndFromZeroNs, end);
      } else {
        firstStartNs = Math.min(firstStartNs, start);
        lastEndNs = Math.max(lastEndNs, end);
      }
    }
  }

  private void appendDetailColumns(EventBlock part) {
    devices.addAll(part.devices, part.deviceCount);
    streams.addAll(part.streams, part.deviceCount);
    grids.addAll(part.grids, part.deviceCount);
    blocks.addAll(part.blocks, part.deviceCount);
    registers.addAll(part.registers, part.deviceCount);
    sharedMemories.addAll(part.sharedMemories, part.deviceCount);
    byteCounts.addAll(part.byteCounts, part.deviceCount);
    occupancies.addAll(part.occupancies, part.deviceCount);
    inputDims.addAll(part.inputDims, part.operatorCount);
    inputTypes.addAll(part.inputTypes, part.operatorCount);
    sequenceNumbers.addAll(part.sequenceNumbers, part.operatorCount);
    forwardThreads.addAll(part.forwardThreads, part.operatorCount);
    callStacks.addAll(part.callStacks, part.operatorCount);
  }

  public int size() {
    return names.size();
  }

  public int nameId(int row) {
    return names.get(row);
  }

  public String name(int row) {
    return strings.text(names.get(row));
  }

  public Category category(int row) {
    return tables.categories().category(categories.get(row));
  }

  /// The category as the file has it; empty where it has none.
  public String categoryText(int row) {
    return tables.categories().text(categories.get(row));
  }

  /// Equal for rows of the same pid and tid: an index below [#threadCount].
  public int thread(int row) {
    return threads.get(row);
  }

  public int threadCount() {
    return tables.threads().size();
  }

  /// The text id of the pid.
  public int process(int row) {
    return tables.threads().process(threads.get(row));
  }

  /// The text id of the pid of a thread, as in [#thread].
  public int threadProcess(int thread) {
    return tables.threads().process(thread);
  }

  public long startNs(int row) {
    return starts.get(row);
  }

  /// Whether a row can stand on a time line: one without a usable time has the start 0.
  public boolean hasTime(int row) {
    return starts.get(row) != 0 || unusableTimes == 0;
  }

  /// The duration as the file has it: negative in damaged files.
  public long durationNs(int row) {
    return durations.get(row);
  }

  /// The end, never before the start.
  public long endNs(int row) {
    return end(starts.get(row), durations.get(row));
  }

  private static long end(long start, long duration) {
    long end = start + Math.max(0, duration);
    return end < start ? Long.MAX_VALUE : end;
  }

  /// From the first start to the last end of all rows but the profiler's own and those that have no
  /// usable time.
  public long spanNs() {
    boolean fromZero = unusableTimes == 0 && lastEndFromZeroNs != Long.MIN_VALUE;
    long first = fromZero ? Math.min(firstStartNs, 0) : firstStartNs;
    long last = fromZero ? Math.max(lastEndNs, lastEndFromZeroNs) : lastEndNs;
    return first > last ? 0 : last - first;
  }

  /// `External id`; 0 for none.
  public long externalId(int row) {
    return externalIds.get(row);
  }

  /// `correlation`; 0 for none.
  public long correlation(int row) {
    return correlations.get(row);
  }

  private int detail(int row) {
    return details.get(row);
  }

  /// The device of device work, as text id: `args.device`, else the pid.
  public int device(int row) {
    return devices.get(detail(row));
  }

  /// The stream of device work, as text id: `args.stream`, else the tid.
  public int stream(int row) {
    return streams.get(detail(row));
  }

  /// A kernel's grid as JSON text, such as `[64, 1, 1]`.
  public int grid(int row) {
    return grids.get(detail(row));
  }

  /// A kernel's block as JSON text, such as `[128, 1, 1]`.
  public int block(int row) {
    return blocks.get(detail(row));
  }

  public int registersPerThread(int row) {
    return registers.get(detail(row));
  }

  public int sharedMemoryBytes(int row) {
    return sharedMemories.get(detail(row));
  }

  /// A kernel's estimated achieved occupancy in percent; -1 where the trace does not say.
  public int occupancyPercent(int row) {
    return occupancies.get(detail(row));
  }

  /// The bytes of a copy or fill.
  public long bytes(int row) {
    return byteCounts.get(detail(row));
  }

  /// An operator's `Input Dims` as JSON text.
  public int inputDims(int row) {
    return inputDims.get(detail(row));
  }

  /// An operator's `Input type` as JSON text.
  public int inputTypes(int row) {
    return inputTypes.get(detail(row));
  }

  /// An operator's sequence number; -1 for none.
  public long sequenceNumber(int row) {
    return sequenceNumbers.get(detail(row));
  }

  /// Of a backward operator the number (not the tid) of the thread that ran the forward one; 0 for
  /// any other operator.
  public int forwardThread(int row) {
    return forwardThreads.get(detail(row));
  }

  /// An operator's `Call stack`, frames between semicolons.
  public int callStack(int row) {
    return callStacks.get(detail(row));
  }

  /// Whether a row is the call of a module: a mark of one or, in a trace without marks, the Python
  /// function of an `nn.Module`.
  public boolean isModule(int row) {
    return moduleMarks.size() > 0
        ? category(row) == Category.MODULE
        : category(row) == Category.PYTHON_FUNCTION && detail(row) >= 0;
  }

  /// Which of [#operators] an operator's row is.
  public int operatorIndex(int row) {
    return detail(row);
  }

  /// The rows of users' annotations; this and what follows in file order.
  public IntColumn annotations() {
    return annotations;
  }

  /// The rows of Python functions.
  public IntColumn pythonFunctions() {
    return pythonFunctions;
  }

  /// The rows of module marks; none in most traces.
  IntColumn moduleMarks() {
    return moduleMarks;
  }

  /// The rows that are the call of a module, as in [#isModule].
  public IntColumn moduleCalls() {
    return moduleMarks.size() > 0 ? moduleMarks : moduleFunctions;
  }

  /// The rows of operators.
  public IntColumn operators() {
    return operators;
  }

  /// The rows of runtime and driver calls.
  public IntColumn calls() {
    return calls;
  }

  /// The rows of kernels.
  public IntColumn kernels() {
    return kernels;
  }

  /// The rows of copies and fills.
  public IntColumn copies() {
    return copies;
  }

  public Collectives collectives() {
    return collectives;
  }

  public MemoryEvents memory() {
    return memory;
  }

  public Flows flows() {
    return flows;
  }

  /// How many events take room: rows, the allocator's reports and flows.
  long kept() {
    return (long) size() + memory.size() + flows.size();
  }

  /// Every event added, of whatever phase.
  long seen() {
    return seen;
  }

  /// Whether any of them has a `ph`, as every event of a trace does.
  boolean phaseSeen() {
    return phaseSeen;
  }

  long unusableTimes() {
    return unusableTimes;
  }

  long negativeDurations() {
    return negativeDurations;
  }
}
