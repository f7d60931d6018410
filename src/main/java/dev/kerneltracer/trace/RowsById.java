package dev.kerneltracer.trace;

/// Rows by an id of theirs, the first of equal ones: an array where the ids lie close together, as
/// profilers number them, else a hash table.
final class RowsById {
  /// How many times more room than ids an array may take.
  private static final long SPARSEST = 16;

  private static final int SMALLEST = 1 << 16;

  private final long first;
  private final int[] rows;
  private final LongIntMap map;

  /// A table for ids.
  ///
  /// @param lowest and `highest`: the ids that will be put, where there are any
  RowsById(long lowest, long highest, int count) {
    long range = highest - lowest + 1;
    boolean dense = range > 0 && range <= Math.max(SMALLEST, count * SPARSEST);
    first = lowest;
    rows = new int[dense ? (int) range : 0];
    map = new LongIntMap(dense ? 0 : count);
  }

  void putIfAbsent(long id, int row) {
    if (rows.length == 0) {
      map.putIfAbsent(id, row);
    } else if (rows[(int) (id - first)] == 0) {
      rows[(int) (id - first)] = row + 1;
    }
  }

  /// The row of an id, -1 for none.
  int get(long id) {
    if (rows.length == 0) {
      return map.get(id);
    }
    long at = id - first;
    return at < 0 || at >= rows.length ? -1 : rows[(int) at] - 1;
  }
}
