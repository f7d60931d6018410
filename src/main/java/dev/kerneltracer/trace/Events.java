package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.List;

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

  private final LongColumn pythonIds = new LongColumn();
  private final LongColumn pythonParentIds = new LongColumn();
  private final LongColumn pythonModuleIds = new LongColumn();

  private final Collectives collectives = new Collectives();
  private final MemoryEvents memory = new MemoryEvents();
  private final Flows flows = new Flows();

  private final LongIntMap categoriesOfText = new LongIntMap(32);
  private long lastThreadKey = Long.MIN_VALUE;
  private int lastThread;

  private long seen;
  private boolean phaseSeen;
  private long unusableTimes;
  private long negativeDurations;

  Events(EventTables tables) {
    this.tables = tables;
    this.strings = tables.strings();
  }

  /// Keeps what is read of an event: complete events, the allocator's reports, and the flows from
  /// forward to backward operators.
  void add(EventParser event) {
    seen++;
    phaseSeen |= event.has(Field.PHASE);
    if (event.is(Field.PHASE, "X")) {
      addComplete(event);
    } else if (event.is(Field.NAME, "[memory]")) {
      long time = event.nanoseconds(Field.START);
      if (time != DecimalNumber.UNUSABLE) {
        memory.add(event, time, thread(event));
      }
    } else if (event.is(Field.CATEGORY, "fwdbwd") && event.has(Field.FLOW_ID)) {
      long time = event.nanoseconds(Field.START);
      if (time != DecimalNumber.UNUSABLE) {
        flows.add(event.id(Field.FLOW_ID), time, thread(event), event.is(Field.PHASE, "f"));
      }
    }
  }

  private int thread(EventParser event) {
    int process = event.intern(Field.PROCESS, strings);
    return thread(process, event.intern(Field.THREAD, strings));
  }

  private int thread(int process, int thread) {
    long key = ((long) process << 32) | (thread & 0xFFFFFFFFL);
    if (key != lastThreadKey) {
      lastThreadKey = key;
      lastThread = tables.threads().id(process, thread);
    }
    return lastThread;
  }

  private byte category(EventParser event) {
    int text = event.intern(Field.CATEGORY, strings);
    int known = categoriesOfText.get(text);
    return (byte)
        (known >= 0
            ? known
            : categoriesOfText.putIfAbsent(text, tables.categories().id(text, strings)));
  }

  private void addComplete(EventParser event) {
    byte categoryId = category(event);
    Category category = tables.categories().category(categoryId);
    long start = event.nanoseconds(Field.START);
    long duration = event.has(Field.DURATION) ? event.nanoseconds(Field.DURATION) : 0;
    if (start == DecimalNumber.UNUSABLE || duration == DecimalNumber.UNUSABLE) {
      unusableTimes++;
      start = start == DecimalNumber.UNUSABLE ? 0 : start;
      duration = duration == DecimalNumber.UNUSABLE ? 0 : duration;
    }
    if (duration < 0) {
      negativeDurations++;
    }
    names.add(event.intern(Field.NAME, strings));
    categories.add(categoryId);
    int process = event.intern(Field.PROCESS, strings);
    int thread = event.intern(Field.THREAD, strings);
    threads.add(thread(process, thread));
    starts.add(start);
    durations.add(duration);
    externalIds.add(event.id(Field.EXTERNAL_ID));
    correlations.add(event.id(Field.CORRELATION));
    details.add(addDetail(category, event, process, thread));
    if (event.has(Field.COLLECTIVE)) {
      collectives.add(names.size() - 1, event, strings);
    }
  }

  private int addDetail(Category category, EventParser event, int process, int thread) {
    return switch (category) {
      case KERNEL, MEMCPY, MEMSET -> addDeviceWork(event, process, thread);
      case OPERATOR -> addOperator(event);
      case PYTHON_FUNCTION -> addPythonFunction(event);
      case ANNOTATION, GPU_ANNOTATION, RUNTIME, PROFILER_SPAN, OTHER -> -1;
    };
  }

  private int addDeviceWork(EventParser event, int process, int thread) {
    devices.add(event.has(Field.DEVICE) ? event.intern(Field.DEVICE, strings) : process);
    streams.add(
        event.has(Field.STREAM) ? event.intern(Field.STREAM, strings) : streamOfThread(thread));
    grids.add(event.intern(Field.GRID, strings));
    blocks.add(event.intern(Field.BLOCK, strings));
    registers.add(event.count(Field.REGISTERS));
    sharedMemories.add(event.count(Field.SHARED_MEMORY));
    byteCounts.add(event.id(Field.BYTES));
    occupancies.add(
        event.has(Field.OCCUPANCY) ? (byte) Math.clamp(event.id(Field.OCCUPANCY), 0, 100) : -1);
    return devices.size() - 1;
  }

  private int addOperator(EventParser event) {
    inputDims.add(event.intern(Field.INPUT_DIMS, strings));
    inputTypes.add(event.intern(Field.INPUT_TYPES, strings));
    sequenceNumbers.add(event.has(Field.SEQUENCE_NUMBER) ? event.id(Field.SEQUENCE_NUMBER) : -1);
    forwardThreads.add(event.count(Field.FORWARD_THREAD));
    callStacks.add(event.intern(Field.CALL_STACK, strings));
    return inputDims.size() - 1;
  }

  private int addPythonFunction(EventParser event) {
    pythonIds.add(event.id(Field.PYTHON_ID));
    pythonParentIds.add(event.id(Field.PYTHON_PARENT_ID));
    pythonModuleIds.add(event.has(Field.PYTHON_MODULE_ID) ? event.id(Field.PYTHON_MODULE_ID) : -1);
    return pythonIds.size() - 1;
  }

  /// Adds the rows of a later part of the trace.
  void addAll(Events part) {
    int devicesBefore = devices.size();
    int operatorsBefore = inputDims.size();
    int pythonBefore = pythonIds.size();
    for (int row = 0; row < part.size(); row++) {
      int detail = part.detail(row);
      if (detail >= 0) {
        detail +=
            switch (part.category(row)) {
              case KERNEL, MEMCPY, MEMSET -> devicesBefore;
              case OPERATOR -> operatorsBefore;
              default -> pythonBefore;
            };
      }
      details.add(detail);
    }
    collectives.addAll(part.collectives, size());
    names.addAll(part.names);
    categories.addAll(part.categories);
    threads.addAll(part.threads);
    starts.addAll(part.starts);
    durations.addAll(part.durations);
    externalIds.addAll(part.externalIds);
    correlations.addAll(part.correlations);
    devices.addAll(part.devices);
    streams.addAll(part.streams);
    grids.addAll(part.grids);
    blocks.addAll(part.blocks);
    registers.addAll(part.registers);
    sharedMemories.addAll(part.sharedMemories);
    byteCounts.addAll(part.byteCounts);
    occupancies.addAll(part.occupancies);
    inputDims.addAll(part.inputDims);
    inputTypes.addAll(part.inputTypes);
    sequenceNumbers.addAll(part.sequenceNumbers);
    forwardThreads.addAll(part.forwardThreads);
    callStacks.addAll(part.callStacks);
    pythonIds.addAll(part.pythonIds);
    pythonParentIds.addAll(part.pythonParentIds);
    pythonModuleIds.addAll(part.pythonModuleIds);
    memory.addAll(part.memory);
    flows.addAll(part.flows);
    seen += part.seen;
    phaseSeen |= part.phaseSeen;
    unusableTimes += part.unusableTimes;
    negativeDurations += part.negativeDurations;
  }

  void clear() {
    names.clear();
    categories.clear();
    threads.clear();
    starts.clear();
    durations.clear();
    externalIds.clear();
    correlations.clear();
    details.clear();
    devices.clear();
    streams.clear();
    grids.clear();
    blocks.clear();
    registers.clear();
    sharedMemories.clear();
    byteCounts.clear();
    occupancies.clear();
    inputDims.clear();
    inputTypes.clear();
    sequenceNumbers.clear();
    forwardThreads.clear();
    callStacks.clear();
    pythonIds.clear();
    pythonParentIds.clear();
    pythonModuleIds.clear();
    collectives.clear();
    memory.clear();
    flows.clear();
    seen = 0;
    phaseSeen = false;
    unusableTimes = 0;
    negativeDurations = 0;
  }

  /// Old traces have no stream in `args`: there the thread is named after it.
  private int streamOfThread(int thread) {
    String name = strings.text(thread);
    return name.startsWith("stream ")
        ? strings.intern(name.substring("stream ".length()).strip())
        : thread;
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

  /// A Python function's own id; 0 for none.
  public long pythonId(int row) {
    return pythonIds.get(detail(row));
  }

  public long pythonParentId(int row) {
    return pythonParentIds.get(detail(row));
  }

  /// A module call's number among the calls of its class; -1 for none.
  public long pythonModuleId(int row) {
    return pythonModuleIds.get(detail(row));
  }

  /// Whether a Python function is the call of an `nn.Module`.
  public boolean isModule(int row) {
    return category(row) == Category.PYTHON_FUNCTION
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

  /// The distinct categories that occur, as the file has them.
  public List<String> categoryTexts() {
    List<String> texts = new ArrayList<>();
    for (byte id = 0; id < tables.categories().size(); id++) {
      texts.add(tables.categories().text(id));
    }
    return texts;
  }
}
