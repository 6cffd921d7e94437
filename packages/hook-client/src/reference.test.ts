import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CONFIG_FILE_VARIABLE, KEY_FILE_VARIABLE, SETTINGS } from './config/settings.ts'
import { LOG_FILES } from './logs/index.ts'
import { createProgram } from './program.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/hook-client.md'), 'utf8')
const row = (name: string) => page.split('\n').find((line) => line.startsWith(`| \`${name}\``))

describe('docs/reference/hook-client.md', () => {
  it.each(SETTINGS)('has the setting $name with its variables', ({ name, env, older }) => {
    expect(row(env)).toContain(`| \`${env}\` | \`${name}\` |`)
    if (older !== undefined) expect(page).toContain(`\`${older}\``)
  })

  it('has the other variables and every log', () => {
    expect(row(KEY_FILE_VARIABLE)).toBeDefined()
    expect(page).toContain(`\`${CONFIG_FILE_VARIABLE}\``)
    for (const file of LOG_FILES) expect(row(`webhook-${file}.log`)).toBeDefined()
  })

  it('has every command and every option', () => {
    const program = createProgram(async () => undefined)
    const all = program.commands.flatMap((one) => (one.commands.length > 0 ? [...one.commands] : [one]))
    expect(all.length).toBeGreaterThan(8)
    for (const command of all) {
      const { parent } = command
      const name = parent === program ? command.name() : `${parent?.name()} ${command.name()}`
      expect(page, name).toContain(`\`${name}`)
      for (const { long } of command.options) expect(page, `${name} ${long}`).toContain(`${long}`)
    }
  })
})
