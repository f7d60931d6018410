package dev.kerneltracer;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import org.junit.jupiter.api.Test;

/// Imports point down only, as ARCHITECTURE.md draws them.
class ImportDirectionTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.kerneltracer");

  @Test
  void importsPointDown() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage("dev.kerneltracer..")
        .layer("root")
        .definedBy("dev.kerneltracer")
        .layer("cli")
        .definedBy("dev.kerneltracer.cli")
        .optionalLayer("serve")
        .definedBy("dev.kerneltracer.serve")
        .optionalLayer("live")
        .definedBy("dev.kerneltracer.live")
        .optionalLayer("sweep")
        .definedBy("dev.kerneltracer.sweep")
        .layer("batch")
        .definedBy("dev.kerneltracer.batch")
        .layer("tracer")
        .definedBy("dev.kerneltracer.tracer")
        .layer("report")
        .definedBy("dev.kerneltracer.report")
        .layer("analysis")
        .definedBy("dev.kerneltracer.analysis")
        .layer("trace")
        .definedBy("dev.kerneltracer.trace")
        .layer("load")
        .definedBy("dev.kerneltracer.load")
        .layer("python")
        .definedBy("dev.kerneltracer.python")
        .layer("model")
        .definedBy("dev.kerneltracer.model")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("serve")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("live")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("sweep")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("batch")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("tracer")
        .mayOnlyBeAccessedByLayers("cli", "serve", "live", "sweep", "batch")
        .whereLayer("report")
        .mayOnlyBeAccessedByLayers("cli", "serve", "live", "sweep", "batch", "tracer")
        .whereLayer("analysis")
        .mayOnlyBeAccessedByLayers("cli", "serve", "live", "sweep", "batch", "tracer", "report")
        .whereLayer("trace")
        .mayOnlyBeAccessedByLayers(
            "cli", "serve", "live", "sweep", "batch", "tracer", "report", "analysis")
        .whereLayer("load")
        .mayOnlyBeAccessedByLayers("cli", "serve", "live", "sweep")
        .whereLayer("python")
        .mayOnlyBeAccessedByLayers("cli", "serve", "live", "sweep", "batch", "tracer")
        .whereLayer("model")
        .mayOnlyBeAccessedByLayers("cli", "serve", "live", "sweep", "batch", "tracer", "load")
        .check(CLASSES);
  }

  @Test
  void everyPackageHasItsPlaceInTheDrawing() {
    ArchRuleDefinition.classes()
        .should()
        .resideInAnyPackage(
            "dev.kerneltracer",
            "dev.kerneltracer.cli",
            "dev.kerneltracer.serve",
            "dev.kerneltracer.live",
            "dev.kerneltracer.sweep",
            "dev.kerneltracer.load",
            "dev.kerneltracer.batch",
            "dev.kerneltracer.tracer",
            "dev.kerneltracer.report",
            "dev.kerneltracer.analysis",
            "dev.kerneltracer.trace",
            "dev.kerneltracer.python",
            "dev.kerneltracer.model")
        .check(CLASSES);
  }

  @Test
  void packagesAreFreeOfCycles() {
    slices().matching("dev.kerneltracer.(*)..").should().beFreeOfCycles().check(CLASSES);
  }
}
