package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.Arrays;

/// The distinct paths of nested module calls, such as `LlamaModel_0.LlamaDecoderLayer_3.Linear_5`,
/// numbered so that a path comes after the one around it.
///
/// Where the probe's marks tell of the calls (`kerneltracer.module model.layers.3.mlp LlamaMLP`), a
/// module has the path by which the model holds it, whoever calls it; the model itself, which has
/// none, its class. Several paths of calls may lead to one module then.
public final class ModulePaths {
  private static final String PREFIX = "nn.Module: ";
  private static final String MARK = "kerneltracer.module ";

  /// Deeper than any model: what lies deeper counts for the module at that depth.
  private static final int DEEPEST = 100;

  private final Trace trace;
  private final Events events;
  private final TraceLinks links;
  private final LongIntMap ids = new LongIntMap(256);

  /// Per row of a module's call its path, -1 where it was not asked for yet.
  private final int[] pathOfRow;

  private int[] parents = new int[64];
  private int[] names = new int[64];
  private int[] depths = new int[64];
  private final IntColumn open = new IntColumn();

  public ModulePaths(Trace trace, TraceLinks links) {
    this.trace = trace;
    this.events = trace.events();
    this.links = links;
    this.pathOfRow = new int[events.size()];
    Arrays.fill(pathOfRow, -1);
  }

  public int size() {
    return ids.size();
  }

  /// The path of the module call in a row; -1 for the row -1.
  public int of(int row) {
    open.clear();
    int at = row;
    while (at >= 0 && pathOfRow[at] < 0) {
      open.add(at);
      at = links.module(at);
    }
    int path = at < 0 ? -1 : pathOfRow[at];
    for (int i = open.size() - 1; i >= 0; i--) {
      path = id(path, events.nameId(open.get(i)));
      pathOfRow[open.get(i)] = path;
    }
    return path;
  }

  /// The path of the module call that a row is, or that is around it or its launch; -1 for none.
  public int around(int row) {
    return of(events.isModule(row) ? row : links.module(row));
  }

  private int id(int parent, int name) {
    if (parent >= 0 && depths[parent] == DEEPEST) {
      return parent;
    }
    int id = ids.putIfAbsent(LongIntMap.key(parent, name), ids.size());
    if (id == parents.length) {
      parents = Arrays.copyOf(parents, id * 2);
      names = Arrays.copyOf(names, id * 2);
      depths = Arrays.copyOf(depths, id * 2);
    }
    parents[id] = parent;
    names[id] = name;
    depths[id] = parent < 0 ? 1 : depths[parent] + 1;
    return id;
  }

  /// The path around a path, -1 for none.
  public int parent(int path) {
    return parents[path];
  }

  /// The module's name with its number, such as `Linear_5`; by a mark its path.
  public String name(int path) {
    return label(trace.strings().text(names[path]));
  }

  /// The part of a row's name that names the module.
  public static String label(String rowName) {
    if (rowName.startsWith(MARK)) {
      int end = rowName.lastIndexOf(' ');
      return end <= MARK.length()
          ? rowName.substring(end + 1)
          : rowName.substring(MARK.length(), end);
    }
    return rowName.startsWith(PREFIX) ? rowName.substring(PREFIX.length()) : rowName;
  }

  private boolean isMarked(int path) {
    return trace.strings().text(names[path]).startsWith(MARK);
  }

  public String text(int path) {
    return parents[path] < 0 || isMarked(path)
        ? name(path)
        : text(parents[path]) + "." + name(path);
  }

  /// Whether a module is called within itself, where a path leads.
  boolean isWithinItself(int path) {
    for (int at = parents[path]; at >= 0; at = parents[at]) {
      if (names[at] == names[path]) {
        return isMarked(path);
      }
    }
    return false;
  }

  /// The class of the module, such as `Linear`.
  public String className(int path) {
    return isMarked(path)
        ? trace
            .strings()
            .text(names[path])
            .substring(trace.strings().text(names[path]).lastIndexOf(' ') + 1)
        : className(name(path));
  }

  /// The class of a module's name: `Linear` of `Linear_5`.
  static String className(String name) {
    int end = name.length();
    while (end > 0 && Character.isDigit(name.charAt(end - 1))) {
      end--;
    }
    return end > 0 && end < name.length() && name.charAt(end - 1) == '_'
        ? name.substring(0, end - 1)
        : name;
  }

  /// The number of the layer that a path lies in: of the outermost module whose class ends in
  /// `Layer` or `Block`, such as `Qwen2DecoderLayer_3`; by marks the first number in the path of
  /// the outermost module that has one; -1 for none.
  public int layer(int path) {
    int layer = -1;
    for (int at = path; at >= 0; at = parents[at]) {
      String name = name(at);
      if (isMarked(at)) {
        int number = firstNumber(name);
        layer = number >= 0 ? number : layer;
        continue;
      }
      String type = className(name);
      if ((type.endsWith("Layer") || type.endsWith("Block"))
          && name.length() - type.length() <= 10
          && name.length() > type.length()) {
        layer = Integer.parseInt(name.substring(type.length() + 1));
      }
    }
    return layer;
  }

  private static int firstNumber(String path) {
    for (String part : path.split("\\.", -1)) {
      if (part.length() <= 9
          && !part.isEmpty()
          && part.chars().allMatch(c -> c >= '0' && c <= '9')) {
        return Integer.parseInt(part);
      }
    }
    return -1;
  }
}
