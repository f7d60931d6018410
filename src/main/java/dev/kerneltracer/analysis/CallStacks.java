package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.List;

/// The Python frames around operators, interned: equal stacks have equal ids. They come from the
/// operator's `Call stack`, else from the Python functions around it in time.
public final class CallStacks {
  /// The stack of an operator that has none.
  public static final int NONE = 0;

  private final Events events;
  private final Trace trace;
  private final TraceLinks links;
  private final int deepest;
  private final LongIntMap ids = new LongIntMap(1 << 10);
  private final List<List<String>> stacks = new ArrayList<>();
  private final int[] nameIds;

  /// Interns the stacks of one trace.
  ///
  /// @param deepest how many frames are kept, from the innermost
  public CallStacks(Trace trace, TraceLinks links, int deepest) {
    this.events = trace.events();
    this.trace = trace;
    this.links = links;
    this.deepest = deepest;
    this.nameIds = new int[deepest];
    stacks.add(List.of());
  }

  /// The id of the stack around an operator's row.
  public int id(int row) {
    int text = events.callStack(row);
    if (text >= 0 && !trace.strings().text(text).isEmpty()) {
      int id = ids.putIfAbsent(-1L - text, stacks.size());
      if (id == stacks.size()) {
        stacks.add(split(trace.strings().text(text)));
      }
      return id;
    }
    int depth = 0;
    for (int frame = links.python(row); frame >= 0 && depth < deepest; depth++) {
      nameIds[depth] = events.nameId(frame);
      frame = links.python(frame);
    }
    int id = NONE;
    for (int i = depth - 1; i >= 0; i--) {
      id = inner(id, nameIds[i]);
    }
    return id;
  }

  private int inner(int outer, int name) {
    int id = ids.putIfAbsent(((long) outer << 32) | name, stacks.size());
    if (id == stacks.size()) {
      List<String> frames = new ArrayList<>();
      frames.add(trace.strings().text(name));
      frames.addAll(stacks.get(outer));
      stacks.add(List.copyOf(frames));
    }
    return id;
  }

  private List<String> split(String text) {
    List<String> frames = new ArrayList<>();
    for (String frame : text.split(";", -1)) {
      if (!frame.isBlank() && frames.size() < deepest) {
        frames.add(frame.strip());
      }
    }
    return List.copyOf(frames);
  }

  /// The frames of a stack, the innermost first.
  public List<String> frames(int id) {
    return stacks.get(id);
  }
}
