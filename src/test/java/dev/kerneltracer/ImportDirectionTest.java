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
        .layer("python")
        .definedBy("dev.kerneltracer.python")
        .layer("model")
        .definedBy("dev.kerneltracer.model")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("batch")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("tracer")
        .mayOnlyBeAccessedByLayers("cli", "batch")
        .whereLayer("report")
        .mayOnlyBeAccessedByLayers("cli", "batch", "tracer")
        .whereLayer("analysis")
        .mayOnlyBeAccessedByLayers("cli", "batch", "tracer", "report")
        .whereLayer("trace")
        .mayOnlyBeAccessedByLayers("cli", "batch", "tracer", "report", "analysis")
        .whereLayer("python")
        .mayOnlyBeAccessedByLayers("cli", "batch", "tracer")
        .whereLayer("model")
        .mayOnlyBeAccessedByLayers("cli", "batch", "tracer")
        .check(CLASSES);
  }

  @Test
  void everyPackageHasItsPlaceInTheDrawing() {
    ArchRuleDefinition.classes()
        .should()
        .resideInAnyPackage(
            "dev.kerneltracer",
            "dev.kerneltracer.cli",
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
