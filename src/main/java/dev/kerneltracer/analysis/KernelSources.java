package dev.kerneltracer.analysis;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Which file defines a kernel, such as `vllm/csrc/layernorm_kernels.cu`: a path in the sources of
/// PyTorch, vLLM, SGLang, FlashAttention or FlashInfer that begins with the project, out of an
/// index that `scripts/index-kernel-sources` makes.
///
/// What a generic kernel runs says more than the generic kernel, so it is preferred where its file
/// is known: for `elementwise_kernel<... launch_clamp_scalar(...) ...>` of ATen the file of
/// `launch_clamp_scalar`, for `cutlass::device_kernel<flash::FlashAttnFwdSm90<...>>` that of the
/// class. Otherwise it is the file of the kernel template, as `CUDALoops.cuh`.
///
/// Empty, never a guess: libraries without sources (cuBLAS, cuDNN, NCCL), code that a compiler made
/// (Inductor), projects that are not indexed, and a name that several files define.
public final class KernelSources {
  private static final String RESOURCE = "kernel_sources.tsv";
  private static final String PYTORCH = "pytorch";

  /// The namespaces that are a project's own. A name in another, or in none, may be another
  /// project's: Triton's have none, and kernels are copied with their namespaces.
  private static final Map<String, String> OWN_NAMESPACES =
      Map.of(
          "vllm::",
          "vllm",
          "sglang::",
          "sglang",
          "flashinfer::",
          "flashinfer",
          "flash::",
          "flash-attention");

  /// Whose own kernels in a process show that the rest of theirs may be there too. Others' are
  /// bundled one by one.
  private static final Set<String> ENGINES = Set.of("vllm", "sglang");

  /// Kernels that run what their first template argument says.
  private static final Set<String> GENERIC =
      Set.of("cutlass::device_kernel", "cutlass::Kernel", "cutlass::Kernel2");

  /// Triton before 3.0 put the kinds of the arguments behind the name: `_0d1d2de3c`.
  private static final Pattern SPECIALISATION = Pattern.compile("_0[0-9cde]+$");

  private static final Pattern LIBRARY_COPY = Pattern.compile("fmha_cutlass[FB]_");
  private static final Pattern NUMBERS = Pattern.compile("\\D+");

  private enum Kind {
    KERNEL,
    KERNEL_CLASS,
    OPERATION
  }

  /// A name in a file of a project, and the first and last of the consecutive versions that have
  /// it.
  private record Place(String project, String first, String last, Kind kind, String path) {}

  private final String versions;
  private final Map<String, String> newest;

  /// The resource: lines in order of their bytes, of which a process needs a few hundred.
  private final byte[] index;

  private final Map<String, List<Place>> placesByName = new HashMap<>();

  private KernelSources(String versions, Map<String, String> newest, byte[] index) {
    this.versions = versions;
    this.newest = newest;
    this.index = index;
  }

  public static KernelSources load() {
    try (InputStream in =
        Objects.requireNonNull(KernelSources.class.getResourceAsStream(RESOURCE), RESOURCE)) {
      byte[] index = in.readAllBytes();
      String versions = line(index, 0).substring(2);
      return new KernelSources(versions, newest(versions), index);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The line that begins at `from`.
  private static String line(byte[] index, int from) {
    int end = from;
    while (index[end] != '\n') {
      end++;
    }
    return new String(index, from, end - from, StandardCharsets.UTF_8);
  }

  private List<Place> places(String name) {
    return placesByName.computeIfAbsent(name, this::find);
  }

  /// Bisects the lines for the first of a name, and reads all of them.
  private List<Place> find(String name) {
    byte[] wanted = (name + "\t").getBytes(StandardCharsets.UTF_8);
    int low = 0;
    int high = index.length;
    while (low < high) {
      int start = lineStart((low + high) >>> 1);
      int common = Arrays.mismatch(index, start, index.length, wanted, 0, wanted.length);
      boolean before =
          common >= 0
              && common < wanted.length
              && (start + common == index.length || index[start + common] < wanted[common]);
      if (before) {
        low = nextLine(start);
      } else {
        high = start;
      }
    }
    List<Place> places = new ArrayList<>(1);
    for (int at = low; at < index.length; at = nextLine(at)) {
      String line = line(index, at);
      if (!line.startsWith(name + "\t")) {
        break;
      }
      String[] cells = line.split("\t", -1);
      Kind kind =
          switch (cells[4]) {
            case "kernel" -> Kind.KERNEL;
            case "kernelclass" -> Kind.KERNEL_CLASS;
            default -> Kind.OPERATION;
          };
      places.add(new Place(cells[1], cells[2], cells[3], kind, cells[5]));
    }
    return places;
  }

  private int lineStart(int within) {
    int at = within;
    while (at > 0 && index[at - 1] != '\n') {
      at--;
    }
    return at;
  }

  private int nextLine(int from) {
    int at = from;
    while (index[at] != '\n') {
      at++;
    }
    return at + 1;
  }

  private static Map<String, String> newest(String versions) {
    Map<String, String> newest = new HashMap<>();
    for (String project : versions.split("; ", -1)) {
      newest.put(
          project.substring(0, project.indexOf(' ')),
          project.substring(project.lastIndexOf(' ') + 1));
    }
    return newest;
  }

  /// The projects and versions that the index was made of, oldest first: `pytorch 1.13.1 2.6.0;
  /// ...`.
  public String versions() {
    return versions;
  }

  /// The projects in a process, with their versions: the known ones, and the engine whose own
  /// kernels ran in it. An empty version is one that is not known.
  ///
  /// @param kernels the names of all kernels of the process
  /// @param known from elsewhere, as from a job's status; PyTorch is always there
  public Map<String, String> process(Collection<String> kernels, Map<String, String> known) {
    Map<String, String> process = new HashMap<>(known);
    for (String kernel : kernels) {
      String owner = owner(KernelName.parse(kernel).function());
      if (owner != null && ENGINES.contains(owner)) {
        process.putIfAbsent(owner, "");
      }
    }
    return process;
  }

  /// The file that defines a kernel, empty where that cannot be told.
  ///
  /// Where a project's version is not known, its newest path. A name outside of its project's own
  /// namespace, as Triton's `fused_moe_kernel`, counts only for projects that are in the process.
  ///
  /// @param process as [#process(Collection, Map)] tells
  public String of(String kernel, Map<String, String> process) {
    KernelName name = KernelName.parse(kernel);
    if (GENERIC.contains(name.function())) {
      for (String argument : name.argumentNames()) {
        if (!simpleName(argument).startsWith("enable_")) {
          return path(argument, Kind.KERNEL_CLASS, process);
        }
      }
      return "";
    }
    if (LIBRARY_COPY.matcher(name.function()).lookingAt()
        && !kernel.contains("PyTorchMemEffAttention")) {
      return ""; // xformers', of the same name
    }
    String template = path(name.function(), Kind.KERNEL, process);
    if (template.isEmpty() && name.templateArguments().isEmpty()) {
      String bare = SPECIALISATION.matcher(name.function()).replaceFirst("");
      return bare.equals(name.function()) ? "" : path(bare, Kind.KERNEL, process);
    }
    if (template.startsWith(PYTORCH + "/")) {
      for (String argument : name.argumentNames()) {
        String operation = path(argument, Kind.OPERATION, process);
        if (!operation.isEmpty()) {
          return operation;
        }
      }
    }
    return template;
  }

  private String path(String name, Kind kind, Map<String, String> process) {
    List<Place> places = places(name);
    String owner = owner(name);
    String path = "";
    for (Place place : places) {
      boolean mayRun =
          place.project.equals(PYTORCH)
              || (owner == null ? process.containsKey(place.project) : owner.equals(place.project));
      if (mayRun
          && place.kind == kind
          && holds(place, places, process.getOrDefault(place.project, ""))) {
        if (!path.isEmpty() && !path.equals(place.path)) {
          return "";
        }
        path = place.path;
      }
    }
    return path;
  }

  /// The project whose own namespace a name is in, null where it is in none.
  private static @Nullable String owner(String name) {
    int end = name.indexOf("::");
    return end < 0 ? null : OWN_NAMESPACES.get(name.substring(0, end + 2));
  }

  /// Whether a name was where a place says in a version; without one, in the last that had the
  /// name.
  private boolean holds(Place place, List<Place> places, String version) {
    if (version.isEmpty()) {
      for (Place other : places) {
        if (other.project.equals(place.project)
            && other.kind == place.kind
            && compare(other.last, place.last) > 0) {
          return false;
        }
      }
      return true;
    }
    String last = Objects.requireNonNull(newest.get(place.project));
    return compare(version, last) > 0
        ? place.last.equals(last)
        : compare(place.first, version) <= 0 && compare(version, place.last) <= 0;
  }

  private static int compare(String version, String other) {
    String[] numbers = NUMBERS.split(withoutBuild(version), 0);
    String[] others = NUMBERS.split(withoutBuild(other), 0);
    for (int i = 0; i < Math.min(numbers.length, others.length); i++) {
      int order = compareNumbers(numbers[i], others[i]);
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(numbers.length, others.length);
  }

  private static int compareNumbers(String number, String other) {
    int order = Integer.compare(number.length(), other.length());
    return order != 0 ? order : number.compareTo(other);
  }

  /// `2.9.1+cu128` is 2.9.1.
  private static String withoutBuild(String version) {
    int plus = version.indexOf('+');
    return plus < 0 ? version : version.substring(0, plus);
  }

  private static String simpleName(String name) {
    return name.substring(name.lastIndexOf(':') + 1);
  }
}
