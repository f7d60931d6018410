package dev.kerneltracer.trace;

/// What rows of collective operations say of themselves: kernels and operators
/// (`record_param_comms` and the like) whose `args` have a `Collective name`. In file order; texts
/// are ids of [Trace#strings], -1 where absent.
public final class Collectives {
  private final IntColumn rows = new IntColumn();
  private final IntColumn names = new IntColumn();
  private final IntColumn elementTypes = new IntColumn();
  private final IntColumn groupNames = new IntColumn();
  private final IntColumn groupDescriptions = new IntColumn();
  private final IntColumn groupSizes = new IntColumn();
  private final LongColumn inElements = new LongColumn();
  private final LongColumn outElements = new LongColumn();

  void add(int row, EventParser event) {
    rows.add(row);
    names.add(event.text(Field.COLLECTIVE));
    elementTypes.add(event.text(Field.ELEMENT_TYPE));
    groupNames.add(event.text(Field.GROUP_NAME));
    groupDescriptions.add(event.text(Field.GROUP_DESCRIPTION));
    groupSizes.add(event.count(Field.GROUP_SIZE));
    inElements.add(event.number(Field.IN_ELEMENTS));
    outElements.add(event.number(Field.OUT_ELEMENTS));
  }

  void addAll(Collectives other, int rowOffset) {
    for (int i = 0; i < other.size(); i++) {
      rows.add(other.row(i) + rowOffset);
    }
    names.addAll(other.names);
    elementTypes.addAll(other.elementTypes);
    groupNames.addAll(other.groupNames);
    groupDescriptions.addAll(other.groupDescriptions);
    groupSizes.addAll(other.groupSizes);
    inElements.addAll(other.inElements);
    outElements.addAll(other.outElements);
  }

  void clear() {
    rows.clear();
    names.clear();
    elementTypes.clear();
    groupNames.clear();
    groupDescriptions.clear();
    groupSizes.clear();
    inElements.clear();
    outElements.clear();
  }

  public int size() {
    return rows.size();
  }

  /// The index of a row's entry, -1 where it is no collective.
  public int find(int row) {
    int low = 0;
    int high = rows.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      int found = rows.get(middle);
      if (found == row) {
        return middle;
      }
      if (found < row) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return -1;
  }

  /// The row of [Events] that an entry describes.
  public int row(int index) {
    return rows.get(index);
  }

  /// `Collective name`, such as `allreduce` or `_allgather_base`.
  public int name(int index) {
    return names.get(index);
  }

  /// `dtype`, such as `BFloat16`.
  public int elementType(int index) {
    return elementTypes.get(index);
  }

  /// `Process Group Name`, such as `0`.
  public int groupName(int index) {
    return groupNames.get(index);
  }

  /// `Process Group Description`, such as `default_pg`.
  public int groupDescription(int index) {
    return groupDescriptions.get(index);
  }

  /// How many ranks take part; 0 where the trace does not say.
  public int groupSize(int index) {
    return groupSizes.get(index);
  }

  /// How many elements each rank puts in.
  public long inElements(int index) {
    return inElements.get(index);
  }

  /// How many elements each rank gets out.
  public long outElements(int index) {
    return outElements.get(index);
  }
}
