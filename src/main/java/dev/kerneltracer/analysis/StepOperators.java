package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.ThreadRows;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/// The operators that one step runs, in order, alike layers folded: of a decode step what one
/// generated token of every sequence takes.
///
/// Listed are operators that no other operator calls, with the kernels of all that they call, and
/// launches that no operator makes, under the name of the call. Of layers that are alike each
/// operator stands once, where the first layer runs it. Alike are layers of one list that run the
/// same operators in the same modules. Where they run them in another order or number, as experts
/// do, those concerned stand once for each operator and module, in order of the first; the rows
/// before and behind them are in order.
///
/// @param layers the kind of each layer by its path
public record StepOperators(List<Row> rows, Map<String, Integer> layers) {
  public StepOperators {
    rows = List.copyOf(rows);
    layers = Map.copyOf(layers);
  }

  /// An operator at its place.
  ///
  /// @param module such as `model.layers.*.mlp.up_proj`, or `model.layers.0-4,6-10.mlp.up_proj`
  ///   where the list has layers of several kinds; empty outside of all modules
  /// @param layers how many layers the row stands for; 0 outside of layers
  /// @param calls in the whole step
  /// @param kernels by name, in order, how often
  public record Row(
      String operator,
      String module,
      int layers,
      long calls,
      long cpuNs,
      long deviceNs,
      Map<String, Long> kernels) {

    /// Calls in each layer, a mean where they differ; 0 outside of layers.
    public double callsPerLayer() {
      return layers == 0 ? 0 : (double) calls / layers;
    }

    public long kernelCalls() {
      return kernels.values().stream().mapToLong(Long::longValue).sum();
    }
  }

  /// The operators of a step.
  ///
  /// @param step an index of the steps' rows
  /// @param signature what else tells layers apart, by a layer's path
  public static StepOperators of(
      Trace trace,
      TraceLinks links,
      DeviceWork work,
      Steps steps,
      int step,
      ModulePaths paths,
      ModuleLists lists,
      UnaryOperator<String> signature,
      PathFilter filter) {
    return new Builder(trace, links, steps, step, paths, lists, filter).build(work, signature);
  }

  /// Where a module stands: within a layer, or outside of all.
  ///
  /// @param layer empty outside of layers
  /// @param text within the layer where it is the layer's own, else the whole path
  private record Place(String layer, boolean inside, String text) {}

  private record Token(String operator, boolean inside, String text) {}

  /// One call of an operator.
  private static final class Entry {
    final Token token;
    final String layer;
    final long startNs;
    final long cpuNs;
    long deviceNs;
    final Map<String, Long> kernels = new LinkedHashMap<>();

    Entry(Token token, String layer, long startNs, long cpuNs) {
      this.token = token;
      this.layer = layer;
      this.startNs = startNs;
      this.cpuNs = cpuNs;
    }
  }

  /// A row on its way.
  private static final class Sum {
    final Token token;
    final int layers;
    long calls;
    long cpuNs;
    long deviceNs;
    final Map<String, Long> kernels = new LinkedHashMap<>();

    Sum(Token token, int layers) {
      this.token = token;
      this.layers = layers;
    }

    void add(Entry entry) {
      calls++;
      cpuNs += entry.cpuNs;
      deviceNs += entry.deviceNs;
      entry.kernels.forEach((name, count) -> kernels.merge(name, count, Long::sum));
    }

    Row row(String layerPath) {
      String module =
          layerPath.isEmpty() || !token.inside
              ? token.text
              : token.text.isEmpty() ? layerPath : layerPath + "." + token.text;
      return new Row(token.operator, module, layers, calls, cpuNs, deviceNs, kernels);
    }
  }

  /// Calls of one operator in one module, one right after the other.
  private record Repeat(Token token, List<Entry> entries) {}

  /// Alike layers of one list.
  private static final class Kind {
    final int number;
    final String list;
    final List<String> layers = new ArrayList<>();
    final List<List<Repeat>> calls = new ArrayList<>();

    Kind(int number, String list) {
      this.number = number;
      this.list = list;
    }
  }

  private static final class Builder {
    private final Events events;
    private final TraceLinks links;
    private final Steps steps;
    private final int step;
    private final ModulePaths paths;
    private final ModuleLists lists;
    private final PathFilter filter;
    private final Map<Integer, Place> places = new HashMap<>();
    private final Map<Integer, Boolean> wanted = new HashMap<>();

    Builder(
        Trace trace,
        TraceLinks links,
        Steps steps,
        int step,
        ModulePaths paths,
        ModuleLists lists,
        PathFilter filter) {
      this.events = trace.events();
      this.links = links;
      this.steps = steps;
      this.step = step;
      this.paths = paths;
      this.lists = lists;
      this.filter = filter;
    }

    StepOperators build(DeviceWork work, UnaryOperator<String> signature) {
      List<Entry> entries = entries(work);
      Map<String, List<Repeat>> calls = new LinkedHashMap<>();
      for (Entry entry : entries) {
        if (!entry.layer.isEmpty()) {
          add(calls.computeIfAbsent(entry.layer, _ -> new ArrayList<>()), entry);
        }
      }
      Map<String, Kind> kinds = kinds(calls, signature, hasRoundTimes(entries));
      Map<String, Integer> numbers = new HashMap<>();
      kinds.forEach((layer, kind) -> numbers.put(layer, kind.number));
      return new StepOperators(rows(entries, kinds), numbers);
    }

    private static void add(List<Repeat> repeats, Entry entry) {
      if (repeats.isEmpty() || !repeats.getLast().token.equals(entry.token)) {
        repeats.add(new Repeat(entry.token, new ArrayList<>()));
      }
      repeats.getLast().entries.add(entry);
    }

    private List<Entry> entries(DeviceWork work) {
      int[] outermost = outermost();
      Map<Integer, Entry> byRow = new HashMap<>();
      List<Entry> entries = new ArrayList<>();
      for (int row = 0; row < events.size(); row++) {
        if (events.category(row) == Category.OPERATOR
            && outermost[row] == row
            && !steps.isMark(row)
            && steps.step(row) == step) {
          add(entries, byRow, row);
        }
      }
      for (int i = 0; i < work.size(); i++) {
        int row = work.row(i);
        if (steps.step(row) != step) {
          continue;
        }
        int host = links.operator(row) < 0 ? links.launch(row) : outermost[links.operator(row)];
        if (host < 0) {
          continue;
        }
        if (!byRow.containsKey(host)) {
          add(entries, byRow, host);
        }
        Entry entry = byRow.get(host);
        if (entry != null) {
          entry.deviceNs += events.durationNs(row);
          if (events.category(row) == Category.KERNEL) {
            entry.kernels.merge(events.name(row), 1L, Long::sum);
          }
        }
      }
      entries.sort(Comparator.comparingLong(entry -> entry.startNs));
      return entries;
    }

    private void add(List<Entry> entries, Map<Integer, Entry> byRow, int row) {
      int path = paths.of(links.module(row));
      if (!isWanted(path)) {
        return;
      }
      Place place = path < 0 ? new Place("", false, "") : places.computeIfAbsent(path, this::place);
      Token token = new Token(events.name(row), place.inside, place.text);
      Entry entry = new Entry(token, place.layer, events.startNs(row), events.durationNs(row));
      entries.add(entry);
      byRow.put(row, entry);
    }

    /// Per operator the outermost one around it, which may be itself.
    private int[] outermost() {
      int[] outermost = new int[events.size()];
      Arrays.fill(outermost, -1);
      ThreadRows rows = links.threadRows();
      for (int thread = 0; thread < rows.threadCount(); thread++) {
        for (int i = rows.from(thread); i < rows.to(thread); i++) {
          int row = rows.row(i);
          if (events.category(row) == Category.OPERATOR) {
            int around = links.operator(row);
            outermost[row] = around < 0 || steps.isMark(around) ? row : outermost[around];
          }
        }
      }
      return outermost;
    }

    private Place place(int path) {
      String layer = "";
      for (int at = path; at >= 0; at = paths.parent(at)) {
        String found = lists.layer(paths.name(at));
        layer = found.isEmpty() ? layer : found;
      }
      String name = paths.name(path);
      boolean inside = !layer.isEmpty() && (name + ".").startsWith(layer + ".");
      return new Place(layer, inside, inside ? lists.within(name, layer) : lists.generalised(name));
    }

    private boolean isWanted(int path) {
      if (filter.isEmpty()) {
        return true;
      }
      if (path < 0) {
        return filter.modules() == null;
      }
      Boolean known = wanted.get(path);
      if (known == null) {
        boolean found = false;
        for (int at = path; at >= 0 && !found; at = paths.parent(at)) {
          found = filter.hasModule(paths.name(at), paths.className(at));
        }
        known = found && filter.hasLayer(places.computeIfAbsent(path, this::place).layer);
        wanted.put(path, known);
      }
      return known;
    }

    /// Whether times are whole microseconds, as of older torch: operators that take none of them
    /// lie within their neighbours by chance, and would tell alike layers apart.
    private static boolean hasRoundTimes(List<Entry> entries) {
      return entries.stream().allMatch(entry -> entry.startNs % 1000 == 0)
          && entries.stream().anyMatch(entry -> entry.cpuNs == 0);
    }

    private static Map<String, Kind> kinds(
        Map<String, List<Repeat>> calls, UnaryOperator<String> signature, boolean roundTimes) {
      Map<List<Object>, Kind> known = new HashMap<>();
      Map<String, Kind> kinds = new LinkedHashMap<>();
      calls.forEach((layer, repeats) -> {
        Set<Token> tokens = new HashSet<>();
        if (!roundTimes) {
          repeats.forEach(repeat -> tokens.add(repeat.token));
        }
        String list = ModuleLists.list(layer);
        List<Object> key = List.of(list, signature.apply(layer), tokens);
        Kind kind = known.computeIfAbsent(key, _ -> new Kind(known.size(), list));
        kind.layers.add(layer);
        kind.calls.add(repeats);
        kinds.put(layer, kind);
      });
      return kinds;
    }

    private static List<Row> rows(List<Entry> entries, Map<String, Kind> kinds) {
      int first = entries.size();
      int last = -1;
      for (int i = 0; i < entries.size(); i++) {
        if (!entries.get(i).layer.isEmpty()) {
          first = Math.min(first, i);
          last = i;
        }
      }
      Map<String, Integer> kindsOfList = new HashMap<>();
      new LinkedHashSet<>(kinds.values())
          .forEach(kind -> kindsOfList.merge(kind.list, 1, Integer::sum));
      List<Object> order = new ArrayList<>();
      Set<Kind> done = new HashSet<>();
      Map<Token, Sum> between = new HashMap<>();
      for (int i = 0; i < entries.size(); i++) {
        Entry entry = entries.get(i);
        Kind kind = kinds.get(entry.layer);
        if (kind != null) {
          if (done.add(kind)) {
            order.add(kind);
          }
          continue;
        }
        boolean repeats =
            !order.isEmpty() && order.getLast() instanceof Sum sum && sum.token.equals(entry.token);
        Sum sum = repeats && (i < first || i > last) ? (Sum) order.getLast() : null;
        if (sum == null && i > first && i < last) {
          sum = between.get(entry.token);
        }
        if (sum == null) {
          sum = new Sum(entry.token, 0);
          order.add(sum);
          if (i > first && i < last) {
            between.put(entry.token, sum);
          }
        }
        sum.add(entry);
      }
      List<Row> rows = new ArrayList<>();
      for (Object item : order) {
        if (item instanceof Kind kind) {
          boolean alone = kindsOfList.getOrDefault(kind.list, 0) == 1;
          String path = kind.list + "." + (alone ? "*" : numbers(kind.layers));
          aligned(kind).forEach(sum -> rows.add(sum.row(path)));
        } else if (item instanceof Sum sum) {
          rows.add(sum.row(""));
        }
      }
      return rows;
    }

    /// The calls of alike layers: in order as far as they agree from the front and from the back,
    /// between each operator once, in order of the first.
    private static List<Sum> aligned(Kind kind) {
      int shortest = kind.calls.stream().mapToInt(List::size).min().orElse(0);
      boolean same = kind.calls.stream().allMatch(calls -> calls.size() == shortest);
      int front = 0;
      while (front < shortest && agree(kind, front, true)) {
        front++;
      }
      int back = 0;
      if (front < shortest || !same) {
        while (back < shortest - front && agree(kind, back, false)) {
          back++;
        }
      }
      if (!same || front < shortest) {
        // What is repeated as often as the tokens fall begins and ends where it first and last
        // runs.
        Set<Token> repeated = new HashSet<>();
        int size = -1;
        while (size < repeated.size()) {
          size = repeated.size();
          for (List<Repeat> calls : kind.calls) {
            calls.subList(front, calls.size() - back).forEach(call -> repeated.add(call.token));
          }
          List<Repeat> first = kind.calls.getFirst();
          for (int i = front - 1; i >= 0; i--) {
            front = repeated.contains(first.get(i).token) ? i : front;
          }
          for (int i = back - 1; i >= 0; i--) {
            back = repeated.contains(first.get(first.size() - 1 - i).token) ? i : back;
          }
        }
      }
      List<Sum> sums = new ArrayList<>();
      for (int i = 0; i < front; i++) {
        Sum sum = new Sum(kind.calls.getFirst().get(i).token, kind.layers.size());
        for (List<Repeat> calls : kind.calls) {
          calls.get(i).entries.forEach(sum::add);
        }
        sums.add(sum);
      }
      Map<Token, Sum> middle = new LinkedHashMap<>();
      for (List<Repeat> calls : kind.calls) {
        for (Repeat repeat : calls.subList(front, calls.size() - back)) {
          Sum sum =
              middle.computeIfAbsent(repeat.token, token -> new Sum(token, kind.layers.size()));
          repeat.entries.forEach(sum::add);
        }
      }
      sums.addAll(middle.values());
      for (int i = back; i > 0; i--) {
        Sum sum =
            new Sum(
                kind.calls.getFirst().get(kind.calls.getFirst().size() - i).token,
                kind.layers.size());
        for (List<Repeat> calls : kind.calls) {
          calls.get(calls.size() - i).entries.forEach(sum::add);
        }
        sums.add(sum);
      }
      return sums;
    }

    private static boolean agree(Kind kind, int at, boolean fromFront) {
      List<Repeat> first = kind.calls.getFirst();
      Token token = first.get(fromFront ? at : first.size() - 1 - at).token;
      for (List<Repeat> calls : kind.calls) {
        if (!calls.get(fromFront ? at : calls.size() - 1 - at).token.equals(token)) {
          return false;
        }
      }
      return true;
    }

    private static String numbers(List<String> layers) {
      TreeSet<Integer> numbers = new TreeSet<>();
      for (String layer : layers) {
        numbers.add(Integer.parseInt(layer.substring(layer.lastIndexOf('.') + 1)));
      }
      return NumberRanges.of(numbers).toString();
    }
  }
}
