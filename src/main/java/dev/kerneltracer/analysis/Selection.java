package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.Trace;
import java.util.BitSet;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The rows of a trace that count.
public final class Selection {
  /// Every row.
  public static final Selection ALL = new Selection(null);

  private final @Nullable BitSet rows;

  private Selection(@Nullable BitSet rows) {
    this.rows = rows;
  }

  /// Device work of the wanted steps, and of it the kernels of wanted names; of the other rows
  /// those of the wanted steps.
  ///
  /// @param steps whether a row belongs to a wanted step, device work by its launch; null for all
  /// @param kernel is found in the names of wanted kernels, copies and fills are not wanted then;
  ///   null for all device work
  public static Selection of(Trace trace, @Nullable IntPredicate steps, @Nullable Pattern kernel) {
    if (steps == null && kernel == null) {
      return ALL;
    }
    Events events = trace.events();
    BitSet names = kernel == null ? new BitSet() : names(trace, kernel);
    BitSet rows = new BitSet(events.size());
    for (int row = 0; row < events.size(); row++) {
      Category category = events.category(row);
      boolean named =
          kernel == null
              || !category.isDeviceWork()
              || (category == Category.KERNEL && names.get(events.nameId(row) + 1));
      if (named && (steps == null || steps.test(row))) {
        rows.set(row);
      }
    }
    return new Selection(rows);
  }

  private static BitSet names(Trace trace, Pattern kernel) {
    Events events = trace.events();
    IntColumn kernels = events.kernels();
    BitSet asked = new BitSet();
    BitSet found = new BitSet();
    for (int i = 0; i < kernels.size(); i++) {
      int row = kernels.get(i);
      int name = events.nameId(row) + 1;
      if (!asked.get(name)) {
        asked.set(name);
        found.set(name, kernel.matcher(events.name(row)).find());
      }
    }
    return found;
  }

  public boolean has(int row) {
    return rows == null || rows.get(row);
  }

  /// Those of some rows that count.
  IntColumn of(IntColumn some) {
    if (rows == null) {
      return some;
    }
    IntColumn selected = new IntColumn();
    for (int i = 0; i < some.size(); i++) {
      if (rows.get(some.get(i))) {
        selected.add(some.get(i));
      }
    }
    return selected;
  }

  /// From the first start to the last end of the rows that count, but the profiler's own and those
  /// that have no usable time.
  long spanNs(Events events) {
    if (rows == null) {
      return events.spanNs();
    }
    long first = Long.MAX_VALUE;
    long last = Long.MIN_VALUE;
    for (int row = rows.nextSetBit(0); row >= 0; row = rows.nextSetBit(row + 1)) {
      if (events.category(row) != Category.PROFILER_SPAN && events.hasTime(row)) {
        first = Math.min(first, events.startNs(row));
        last = Math.max(last, events.endNs(row));
      }
    }
    return first > last ? 0 : last - first;
  }
}
