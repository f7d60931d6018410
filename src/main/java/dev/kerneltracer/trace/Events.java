package dev.kerneltracer.trace;

/// The complete events (`ph` X) of a trace in file order, one column per property. A row is an
/// index below [#size]; a text is an id of [Trace#strings], -1 where the event has none. What only
/// some kinds of rows have lies in narrower columns behind [#detail].
public final class Events {
  private static final byte[] MODULE_PREFIX = {'n', 'n', '.', 'M', 'o', 'd', 'u', 'l', 'e', ':'};

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

  private final Collectives collectives = new Collectives();
  private final MemoryEvents memory = new MemoryEvents();
  private final Flows flows = new Flows();

  private long seen;
  private long moduleMarks;
  private boolean phaseSeen;
  private long unusableTimes;
  private long negativeDurations;

  Events(EventTables tables) {
    this.tables = tables;
    this.strings = tables.strings();
  }

  /// Adds the rows of the next part of the trace.
  void append(EventBlock part) {
    appendDetails(part);
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
    moduleMarks += part.moduleCount;
    phaseSeen |= part.phaseSeen;
    unusableTimes += part.unusableTimes;
    negativeDurations += part.negativeDurations;
  }

  private void appendDetails(EventBlock part) {
    int devicesBefore = devices.size();
    int operatorsBefore = inputDims.size();
    for (int row = 0; row < part.size; row++) {
      int detail = part.details[row];
      if (detail >= 0) {
        boolean operator = tables.categories().category(part.categories[row]) == Category.OPERATOR;
        detail += operator ? operatorsBefore : devicesBefore;
      }
      details.add(detail);
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
    long start = starts.get(row);
    long end = start + Math.max(0, durations.get(row));
    return end < start ? Long.MAX_VALUE : end;
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
    Category category = category(row);
    if (moduleMarks > 0) {
      return category == Category.MODULE;
    }
    return category == Category.PYTHON_FUNCTION
        && names.get(row) >= 0
        && strings.startsWith(names.get(row), MODULE_PREFIX);
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
