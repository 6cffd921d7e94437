interface PostOptions {
  id?: string
  body?: string | Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Posts as a sender of webhooks would, and reads the whole answer. */
export async function post(url: string, { id, body = '{}', headers = {}, signal }: PostOptions = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    body,
    headers: { ...headers, ...(id !== undefined && { 'webhook-id': id }) },
    ...(signal && { signal }),
  })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

/** The code of the error behind a failed fetch. */
export function causeCode(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
