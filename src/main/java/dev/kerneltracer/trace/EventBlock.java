package dev.kerneltracer.trace;

import java.nio.charset.StandardCharsets;

/// The events of a small part of a trace, on their way to [Events]: plain arrays, so that filling
/// them takes little code and the room is used again.
final class EventBlock {
  private static final byte[] MODULE_MARK = "kerneltracer.module ".getBytes(StandardCharsets.UTF_8);
  private static final byte[] MODULE_PREFIX = {'n', 'n', '.', 'M', 'o', 'd', 'u', 'l', 'e', ':'};

  private final int capacity;
  private final EventTables tables;
  private final StringTable strings;
  private final int memoryName;
  private final int flowCategory;
  private final byte moduleCategory;

  final int[] names;
  final byte[] categories;
  final int[] threads;
  final long[] starts;
  final long[] durations;
  final long[] externalIds;
  final long[] correlations;

  /// Which of the device or operator rows of this block a row is; of a Python function 0 where it
  /// is the call of a module; -1 for none.
  final int[] details;

  final int[] devices;
  final int[] streams;
  final int[] grids;
  final int[] blocks;
  final int[] registers;
  final int[] sharedMemories;
  final long[] byteCounts;
  final byte[] occupancies;

  final int[] inputDims;
  final int[] inputTypes;
  final long[] sequenceNumbers;
  final int[] forwardThreads;
  final int[] callStacks;

  final Collectives collectives = new Collectives();
  final MemoryEvents memory = new MemoryEvents();
  final Flows flows = new Flows();

  private final LongIntMap categoriesOfText = new LongIntMap(CategoryTable.MOST);
  private long lastThreadKey = Long.MIN_VALUE;
  private int lastThread;

  int size;
  int deviceCount;
  int operatorCount;
  long seen;
  boolean phaseSeen;
  long unusableTimes;
  long negativeDurations;

  /// A block of at most so many rows.
  EventBlock(EventTables tables, int capacity) {
    this.capacity = capacity;
    this.tables = tables;
    this.strings = tables.strings();
    this.memoryName = strings.intern("[memory]");
    this.flowCategory = strings.intern("fwdbwd");
    this.moduleCategory = tables.categories().id(strings.intern(Category.MODULE_MARK), strings);
    names = new int[capacity];
    categories = new byte[capacity];
    threads = new int[capacity];
    starts = new long[capacity];
    durations = new long[capacity];
    externalIds = new long[capacity];
    correlations = new long[capacity];
    details = new int[capacity];
    devices = new int[capacity];
    streams = new int[capacity];
    grids = new int[capacity];
    blocks = new int[capacity];
    registers = new int[capacity];
    sharedMemories = new int[capacity];
    byteCounts = new long[capacity];
    occupancies = new byte[capacity];
    inputDims = new int[capacity];
    inputTypes = new int[capacity];
    sequenceNumbers = new long[capacity];
    forwardThreads = new int[capacity];
    callStacks = new int[capacity];
  }

  boolean isFull() {
    return size == capacity || memory.size() + flows.size() >= capacity;
  }

  void clear() {
    size = 0;
    deviceCount = 0;
    operatorCount = 0;
    seen = 0;
    phaseSeen = false;
    unusableTimes = 0;
    negativeDurations = 0;
    collectives.clear();
    memory.clear();
    flows.clear();
  }

  /// Keeps what is read of an event: complete events, the allocator's reports, and the flows from
  /// forward to backward operators.
  void add(EventParser event) {
    seen++;
    phaseSeen |= event.has(Field.PHASE);
    if (event.isPhase('X')) {
      addComplete(event);
    } else if (event.text(Field.NAME) == memoryName) {
      long time = event.nanoseconds(Field.START);
      if (time != DecimalNumber.UNUSABLE) {
        memory.add(event, time, thread(event));
      }
    } else if (event.text(Field.CATEGORY) == flowCategory && event.has(Field.FLOW_ID)) {
      long time = event.nanoseconds(Field.START);
      if (time != DecimalNumber.UNUSABLE) {
        flows.add(event.number(Field.FLOW_ID), time, thread(event), event.isPhase('f'));
      }
    }
  }

  private int thread(EventParser event) {
    int process = event.text(Field.PROCESS);
    return thread(process, event.text(Field.THREAD));
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
    int text = event.text(Field.CATEGORY);
    int known = categoriesOfText.get(text);
    if (known >= 0) {
      return (byte) known;
    }
    byte id = tables.categories().id(text, strings);
    return categoriesOfText.size() == CategoryTable.MOST
        ? id
        : (byte) categoriesOfText.putIfAbsent(text, id);
  }

  private void addComplete(EventParser event) {
    byte categoryId = category(event);
    Category category = tables.categories().category(categoryId);
    if (isModuleMark(category, event.text(Field.NAME))) {
      categoryId = moduleCategory;
      category = Category.MODULE;
    }
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
    int row = size++;
    names[row] = event.text(Field.NAME);
    categories[row] = categoryId;
    int process = event.text(Field.PROCESS);
    int thread = event.text(Field.THREAD);
    threads[row] = thread(process, thread);
    starts[row] = start;
    durations[row] = duration;
    externalIds[row] = event.number(Field.EXTERNAL_ID);
    correlations[row] = event.number(Field.CORRELATION);
    details[row] = addDetail(category, event, process, thread);
    if (event.has(Field.COLLECTIVE)) {
      collectives.add(row, event);
    }
  }

  private boolean isModuleMark(Category category, int name) {
    return (category == Category.OPERATOR || category == Category.ANNOTATION)
        && name >= 0
        && strings.startsWith(name, MODULE_MARK);
  }

  private int addDetail(Category category, EventParser event, int process, int thread) {
    return switch (category) {
      case KERNEL, MEMCPY, MEMSET -> addDeviceWork(event, process, thread);
      case OPERATOR -> addOperator(event);
      case PYTHON_FUNCTION -> isModule(event.text(Field.NAME)) ? 0 : -1;
      case ANNOTATION, GPU_ANNOTATION, RUNTIME, MODULE, PROFILER_SPAN, OTHER -> -1;
    };
  }

  private boolean isModule(int name) {
    return name >= 0 && strings.startsWith(name, MODULE_PREFIX);
  }

  private int addDeviceWork(EventParser event, int process, int thread) {
    int at = deviceCount++;
    devices[at] = event.has(Field.DEVICE) ? event.text(Field.DEVICE) : process;
    streams[at] = event.has(Field.STREAM) ? event.text(Field.STREAM) : streamOfThread(thread);
    grids[at] = event.text(Field.GRID);
    blocks[at] = event.text(Field.BLOCK);
    registers[at] = event.count(Field.REGISTERS);
    sharedMemories[at] = event.count(Field.SHARED_MEMORY);
    byteCounts[at] = event.number(Field.BYTES);
    occupancies[at] =
        event.has(Field.OCCUPANCY) ? (byte) Math.clamp(event.number(Field.OCCUPANCY), 0, 100) : -1;
    return at;
  }

  private int addOperator(EventParser event) {
    int at = operatorCount++;
    inputDims[at] = event.text(Field.INPUT_DIMS);
    inputTypes[at] = event.text(Field.INPUT_TYPES);
    sequenceNumbers[at] =
        event.has(Field.SEQUENCE_NUMBER) ? event.number(Field.SEQUENCE_NUMBER) : -1;
    forwardThreads[at] = event.count(Field.FORWARD_THREAD);
    callStacks[at] = event.text(Field.CALL_STACK);
    return at;
  }

  /// Old traces have no stream in `args`: there the thread is named after it.
  private int streamOfThread(int thread) {
    String name = strings.text(thread);
    return name.startsWith("stream ")
        ? strings.intern(name.substring("stream ".length()).strip())
        : thread;
  }
}
