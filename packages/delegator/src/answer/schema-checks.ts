import type { JsonSchema } from './json-schema.ts'
import { compileResponseSchema, type SchemaCheck } from './schema-compiler.ts'

/** Compiled checks, one for each schema object for as long as somebody holds it. */
export class SchemaChecks {
  readonly #checks = new WeakMap<object, SchemaCheck>()

  /** The check of a schema; one that cannot be compiled refuses every answer and says why. */
  of(schema: JsonSchema | undefined): SchemaCheck | undefined {
    if (schema === undefined || schema === true) return undefined
    if (schema === false) return () => 'the responseSchema allows no answer'
    const known = this.#checks.get(schema)
    if (known !== undefined) return known
    const compiled = compileResponseSchema(schema)
    const check = compiled.ok ? compiled.value : () => `the responseSchema cannot be used: ${compiled.error}`
    this.#checks.set(schema, check)
    return check
  }
}
