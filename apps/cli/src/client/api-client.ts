import { CommandError, EXIT, type ExitCode } from '../terminal/exit-codes.ts'

/** A server and a key for it. */
export interface ServerAccess {
  readonly url: string
  readonly key: string
}

interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly code?: string
  readonly errors?: readonly { readonly path?: string; readonly message?: string }[]
}

/** An answer that was no success. */
export class ApiError extends CommandError {
  readonly status: number
  readonly problem: Problem

  constructor(status: number, problem: Problem) {
    super(sentence(status, problem), { exitCode: exitCodeOf(status) })
    this.status = status
    this.problem = problem
  }
}

/**
 * Asks a server.
 *
 * @throws ApiError with the server's own words; CommandError when it cannot be reached
 */
export async function callApi<T>(
  server: ServerAccess,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await ask(server, path, {
    method,
    headers: {
      authorization: `Bearer ${server.key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new ApiError(answer.status, parse(text) as Problem)
  return parse(text) as T
}

async function ask(server: ServerAccess, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(new URL(path, server.url), init)
  } catch (cause) {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
    const first = inner instanceof AggregateError ? inner.errors[0] : inner
    const words = first instanceof Error ? first.message : String(first)
    throw new CommandError(`${server.url} cannot be reached: ${words}.`, {
      exitCode: EXIT.unreachable,
      cause,
    })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

function sentence(status: number, { title, detail, errors = [] }: Problem): string {
  const said = detail ?? title ?? 'no reason given'
  const issues = errors.map(({ path, message }) => `${path ?? ''}: ${message ?? ''}`)
  return [`The server answered ${status}: ${said}`, ...issues].join('\n')
}

function exitCodeOf(status: number): ExitCode {
  return status === 503 || status === 429 ? EXIT.tryLater : EXIT.failure
}
