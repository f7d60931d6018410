package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What can be recorded of a model: the description of a Python function `trace(workload, spec,
/// directory)` in the probe's module of the same name.
///
/// @param version of what it records: part of a job's identity, raised when results change
/// @param description one line, for lists
/// @param details what it shows that others don't, and what it costs; a few sentences
/// @param files what it leaves in its directory, by the names of the file formats
/// @param settings the names in [TraceSettings.Recording] that change what it records
/// @param exclusive two jobs of one group never run at the same time on one device; null for none
/// @param results makes its files, and reads them
/// @param file where its function lies outside of the probe; null for a tracer of KernelTracer's
///   own
public record Tracer(
    String name,
    String framework,
    int version,
    String description,
    String details,
    List<ResultFile> files,
    List<String> settings,
    Set<Mode> modes,
    Set<Need> needs,
    @Nullable String exclusive,
    Results results,
    @Nullable TracerFile file) {
  /// Tracers that subscribe to CUPTI, of which there is one user per process and device.
  private static final String PROFILER = "profiler";

  /// Tracers that compile: each takes all cores, and memory of every core's compiler.
  private static final String COMPILER = "compiler";

  public static final Tracer TORCH_PROFILER =
      new Tracer(
          "torch_profiler",
          "huggingface",
          1,
          "torch.profiler: every operator, kernel launch and kernel with its times",
          "Runs the model under torch.profiler (Kineto), with every step marked, and makes tables of"
              + " operators, kernels and steps from its trace. The one tracer that measures time; it"
              + " slows the CPU's part of a run down by about a tenth, with --with-stack by more.",
          List.of(
              new ResultFile(
                  "trace", "Kineto's Chrome trace, for Perfetto and kerneltracer analyze"),
              new ResultFile("torch_profile.json", "operators with calls, times and input shapes"),
              new ResultFile("torch_kernel_profile.json", "operator calls with their kernels"),
              new ResultFile("torch_kernel_profile.csv", "operators and kernels with counts"),
              new ResultFile("torch_flops.json", "with --with-flops: FLOPs by torch's formulas"),
              new ResultFile("key_averages.json", "with --key-averages: torch's own totals")),
          List.of("record_shapes", "with_stack", "profile_memory", "with_flops"),
          EnumSet.allOf(Mode.class),
          EnumSet.noneOf(Need.class),
          PROFILER,
          new Results() {
            @Override
            public Findings make(Path directory) {
              ProfileFiles.Profile written =
                  ProfileFiles.write(TraceFiles.only(directory), directory, "torch");
              if (!written.trust().complete()) {
                throw new UserException(
                    ExitCode.JOBS_FAILED,
                    "torch.profiler wrote a damaged trace; is the disk full?",
                    null);
              }
              return written;
            }

            @Override
            public Findings read(Path directory) {
              return ProfileFiles.read(TraceFiles.only(directory));
            }
          },
          null);

  public static final Tracer TORCH_DISPATCH =
      new Tracer(
          "torch_dispatch",
          "huggingface",
          1,
          "TorchDispatchMode: every ATen operator with its inputs, counted exactly",
          "Counts what reaches a backend: each ATen operator with the shapes, dtypes and other"
              + " arguments of its calls, split by phase. It answers which operators a backend must"
              + " support.",
          List.of(
              new ResultFile("torch_dispatch.json", "operators with counts by inputs and phase")),
          List.of(),
          EnumSet.allOf(Mode.class),
          EnumSet.noneOf(Need.class),
          null,
          Results.of(DispatchCounts::read),
          null);

  public static final Tracer MODULE_PATH =
      new Tracer(
          "module_path",
          "huggingface",
          1,
          "The inference path: module calls in order with shapes, the operators of one token",
          "Records every call of a module with its inputs and outputs, then runs the same again under"
              + " torch.profiler with every call marked, so that operators and kernels are known by"
              + " the module that runs them. A mark takes about 1 µs.",
          List.of(
              new ResultFile("trace", "Kineto's Chrome trace, with marks of the module calls"),
              new ResultFile("path.json", "the model's modules, the steps, the calls in order"),
              new ResultFile("path.txt", "the calls of a step as a tree, alike layers folded"),
              new ResultFile("module_calls.csv", "classes of modules with calls"),
              new ResultFile("per_token.csv", "the operators of one token in order, with kernels"),
              new ResultFile("profiler_report.txt", "kernels by time and by group")),
          List.of("record_shapes", "with_stack"),
          EnumSet.allOf(Mode.class),
          EnumSet.of(Need.EAGER),
          PROFILER,
          new Results() {
            @Override
            public Findings make(Path directory) {
              return PathFindings.make(directory, TraceFiles.only(directory));
            }

            @Override
            public Findings read(Path directory) {
              return PathFindings.read(directory, TraceFiles.only(directory));
            }
          },
          null);

  public static final Tracer TORCH_INDUCTOR =
      new Tracer(
          "torch_inductor",
          "huggingface",
          1,
          "Inductor: the code that torch.compile generates, its kernels and how they are launched",
          "Compiles the model's forward pass (and in training the backward pass) by Inductor, with"
              + " caches of the job's own, so that all code is really generated: C++ on a CPU,"
              + " Triton on a GPU. Compiling takes from a minute to many; --timeout bounds it.",
          List.of(
              new ResultFile("inductor_dump", "graphs, loops and generated code, a folder a graph"),
              new ResultFile("torch_inductor.txt", "the files of inductor_dump, one a line"),
              new ResultFile(
                  "torch_inductor_kernels.json", "kernels: source, PTX, cubin, launch numbers")),
          List.of(),
          EnumSet.allOf(Mode.class),
          EnumSet.of(Need.COMPILER),
          COMPILER,
          Results.of(GraphFindings::ofInductor),
          null);

  public static final Tracer PRINT_ATEN_OPS =
      new Tracer(
          "print_aten_ops",
          "huggingface",
          1,
          "AOTAutograd: graphs of ATen operators with shapes, forward and backward",
          "The graphs that a compiler backend of torch.compile is given: functional ATen operators"
              + " with shapes, dtypes and source lines; prefill and decode steps in eval mode,"
              + " forward and backward pass in training. Nothing is generated.",
          List.of(
              new ResultFile("print_aten.txt", "`===== Graph N =====`, its kind, its operators")),
          List.of(),
          EnumSet.allOf(Mode.class),
          EnumSet.noneOf(Need.class),
          null,
          Results.of(GraphFindings::ofAtenText),
          null);

  public static final Tracer PRINT_FX =
      new Tracer(
          "print_fx",
          "huggingface",
          1,
          "Dynamo: FX graphs of the forward pass, and every graph break with reason and place",
          "What torch.compile captures of the model's Python: every graph with its nodes, their"
              + " modules and source lines, every recompilation, and every place where capturing"
              + " broke off. Graphs then run as they are; nothing is compiled.",
          List.of(new ResultFile("print_fx.json", "one graph, or all graphs and breaks")),
          List.of(),
          EnumSet.allOf(Mode.class),
          EnumSet.noneOf(Need.class),
          null,
          Results.of(GraphFindings::ofFx),
          null);

  public static final Tracer VLLM_PROFILER =
      new Tracer(
          "vllm_profiler",
          "vllm",
          1,
          "vLLM's own torch.profiler in every worker: prefill and decode steps of the engine",
          "Runs vLLM's offline engine as it serves, CUDA graphs and compiled code included, and"
              + " switches its profiler on for one generation. Every step is named with its requests"
              + " and tokens; kernels of a CUDA graph are joined to its launch.",
          List.of(
              new ResultFile("trace", "every worker's Chrome trace"),
              new ResultFile("model", "the configuration that the engine was given"),
              new ResultFile("ranks", "the tables below for every rank, where there are several"),
              new ResultFile("vllm_profile.json", "operators with calls and times"),
              new ResultFile("vllm_kernel_profile.json", "operator calls with their kernels"),
              new ResultFile("vllm_kernel_profile.csv", "operators and kernels with counts")),
          List.of("record_shapes", "with_stack", "profile_memory", "with_flops"),
          EnumSet.of(Mode.EVAL),
          EnumSet.noneOf(Need.class),
          PROFILER,
          new VllmProfile(),
          null);

  public static final Tracer VLLM_MODULE_PATH =
      new Tracer(
          "module_path",
          "vllm",
          1,
          "Every module call inside vLLM's workers in order, with shapes, and a trace of them",
          "Records, in one run, each call of a module in every worker with the shapes that went in"
              + " and out, and marks them in the profiler's trace of another run. The engine runs"
              + " eagerly for it: a CUDA graph runs none of a module's Python.",
          List.of(
              new ResultFile("trace", "every worker's Chrome trace with its modules marked"),
              new ResultFile("path.json", "the model's modules, the steps, the calls in order"),
              new ResultFile("path.txt", "the calls of a step as a tree, alike layers folded"),
              new ResultFile("module_calls.csv", "classes of modules with calls"),
              new ResultFile("per_token.csv", "the operators of one token in order, with kernels"),
              new ResultFile("profiler_report.txt", "kernels by time and by group"),
              new ResultFile("model", "the configuration that the engine was given"),
              new ResultFile("ranks", "the same of further ranks, where there are several")),
          List.of("record_shapes", "with_stack"),
          EnumSet.of(Mode.EVAL),
          EnumSet.of(Need.EAGER),
          PROFILER,
          new VllmModulePath(),
          null);

  public static final List<Tracer> ALL =
      List.of(
          TORCH_PROFILER,
          TORCH_DISPATCH,
          MODULE_PATH,
          TORCH_INDUCTOR,
          PRINT_ATEN_OPS,
          PRINT_FX,
          VLLM_PROFILER,
          VLLM_MODULE_PATH);

  /// One of a tracer's files or folders.
  ///
  /// @param content one line on what is in it
  public record ResultFile(String name, String content) {}

  /// A tracer's Python file outside of the probe.
  ///
  /// @param sha256 of its content: part of a job's identity
  public record TracerFile(Path path, String sha256) {}

  /// The names of its files.
  public List<String> fileNames() {
    return files.stream().map(ResultFile::name).toList();
  }

  /// Those of `known` that a name or glob (`torch_*`) among `patterns` selects, in the order of
  /// `known`.
  ///
  /// @throws UserException for a pattern that selects none
  public static List<Tracer> select(List<Tracer> known, List<String> patterns) {
    List<Tracer> found = new ArrayList<>();
    for (String pattern : patterns) {
      Pattern names = glob(pattern.strip());
      if (known.stream().noneMatch(tracer -> names.matcher(tracer.name).matches())) {
        throw new UserException(
            ExitCode.USAGE,
            "there is no tracer '" + pattern + "'",
            "There are "
                + String.join(", ", known.stream().map(Tracer::name).toList())
                + "; kerneltracer trace --list-tracers describes them.");
      }
    }
    for (Tracer tracer : known) {
      if (patterns.stream().anyMatch(text -> glob(text.strip()).matcher(tracer.name).matches())) {
        found.add(tracer);
      }
    }
    return found;
  }

  private static Pattern glob(String text) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      regex.append(c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(String.valueOf(c)));
    }
    return Pattern.compile(regex.toString());
  }
}
