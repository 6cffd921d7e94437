/** A JSON Schema, draft 2020-12, or draft-07 if its `$schema` says so. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>
