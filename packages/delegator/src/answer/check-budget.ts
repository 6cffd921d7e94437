import { type AnswerSize, sizeOf } from './answer-size.ts'
import type { SchemaCost } from './schema-cost.ts'

/** Steps of one check, about a nanosecond each: what the dearest check may hold up everybody else. */
const MAX_STEPS = 120_000_000
/** For each instruction of a regular expression and each character that it meets. */
const STEPS_OF_INSTRUCTION = 5
/** Steps that count as none. */
const NOT_WORTH_COUNTING = 5_000_000
/** For each text that a regular expression meets, however short. */
const STEPS_OF_MATCH = 400

/** An answer asks for more than a check may take. */
export class TooLargeError extends Error {
  constructor() {
    super('the answer is too large for its responseSchema: checking it would take too long')
    this.name = 'TooLargeError'
  }
}

/**
 * The steps that are left to a running check. What the rules of a schema take is bounded before it begins; regular
 * expressions are charged as they run, since few of them meet the whole of an answer.
 */
export class CheckBudget {
  readonly #cost: SchemaCost
  readonly #stepsPerByte: number
  #left = 0

  constructor(cost: SchemaCost) {
    this.#cost = cost
    const { steps, stepsBelow, stepsPerNode, stepsPerCharacter } = cost
    this.#stepsPerByte = Math.max(steps, ...stepsBelow) + stepsPerNode + stepsPerCharacter
  }

  /**
   * @param bytes the length of the text that the answer was in; a short one need not be counted
   * @throws {TooLargeError} the rules alone could take too many steps
   */
  begin(answer: unknown, bytes: number): void {
    this.#left = MAX_STEPS
    // JSON has no more values or characters than bytes.
    if (this.#stepsPerByte * bytes < NOT_WORTH_COUNTING) return
    this.#left -= stepsOf(this.#cost, sizeOf(answer))
    if (this.#left < 0) throw new TooLargeError()
  }

  /** @throws {TooLargeError} the steps are used up */
  match(instructions: number, characters: number): void {
    this.#left -= STEPS_OF_MATCH + STEPS_OF_INSTRUCTION * instructions * characters
    if (this.#left < 0) throw new TooLargeError()
  }
}

function stepsOf(cost: SchemaCost, { nodes, nodesByLevel, characters }: AnswerSize): number {
  const below = cost.stepsBelow.map((steps, level) => steps * (nodesByLevel[level] ?? 0))
  const ofRules = below.reduce((sum, steps) => sum + steps, cost.steps)
  return ofRules + cost.stepsPerNode * nodes + cost.stepsPerCharacter * characters
}
