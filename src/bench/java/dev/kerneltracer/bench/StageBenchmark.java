package dev.kerneltracer.bench;

import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Totals;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// What each stage of reading and analysing one gzipped trace takes, in a warm JVM; `bench/stages`
/// runs it and names the trace. Each table is made from the same trace and links.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class StageBenchmark {
  private Path gzipped;
  private Path inflated;
  private Trace trace;
  private TraceLinks links;

  @Setup
  public void prepare() throws IOException {
    gzipped = Path.of(System.getenv("KERNELTRACER_BENCH_TRACE"));
    inflated = Files.createTempFile("kerneltracer-bench-", ".pt.trace.json");
    try (InputStream in = new GZIPInputStream(Files.newInputStream(gzipped));
        OutputStream out = Files.newOutputStream(inflated)) {
      in.transferTo(out);
    }
    trace = TraceReader.read(gzipped);
    links = TraceLinks.of(trace);
  }

  @TearDown
  public void remove() throws IOException {
    Files.delete(inflated);
  }

  /// Inflating alone, by the JDK: what reading the trace would take at least.
  @Benchmark
  public void inflate() throws IOException {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(gzipped), 1 << 16)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
  }

  /// Scanning into columns alone: the same trace, inflated.
  @Benchmark
  public Trace scan() {
    return TraceReader.read(inflated);
  }

  @Benchmark
  public Trace inflateAndScan() {
    return TraceReader.read(gzipped);
  }

  @Benchmark
  public TraceLinks links() {
    return TraceLinks.of(trace);
  }

  @Benchmark
  public Totals totals() {
    return Totals.of(trace, links);
  }

  @Benchmark
  public KernelTable kernelTable() {
    return KernelTable.of(trace);
  }

  @Benchmark
  public OperatorTable operatorTable() {
    return OperatorTable.of(trace, links);
  }
}
