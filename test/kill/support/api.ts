/** A key that exists only in tests. */
export const KEY = `phk_${'0'.repeat(31)}1_${'kill'.repeat(10)}`

const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }

/** An answer of the API. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

/** What a new endpoint is made of, beside its URL. */
export type EndpointSettings = Readonly<Record<string, unknown>>

/** Retries that come soon, often enough for whatever a test breaks, and a circuit that stays closed. */
export const PATIENT: EndpointSettings = {
  retry: { delays: [200, 400, 800], maxAttempts: 50 },
  circuit: { failureThreshold: 10_000 },
}

/** Sends a request. @throws when the connection is lost before the answer is there */
export async function call(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: asObject(text) }
}

/** Makes an endpoint and tells its id. */
export async function subscribe(
  ingestUrl: string,
  url: string,
  eventTypes: readonly string[],
  settings: EndpointSettings = {},
): Promise<string> {
  const { status, body } = await call(`${ingestUrl}/api/v1/endpoints`, {
    url,
    eventTypes,
    ...PATIENT,
    ...settings,
  })
  if (status !== 201) throw new Error(`the endpoint was refused: ${status} ${JSON.stringify(body)}`)
  return String(body['id'])
}

/** Publishes so many events in batches and tells their ids. */
export async function publish(ingestUrl: string, type: string, count: number): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const size = Math.min(500, count - ids.length)
    const events = Array.from({ length: size }, (_, n) => ({ type, payload: { n: ids.length + n } }))
    const { status, body } = await call(`${ingestUrl}/api/v1/events/batch`, events)
    const taken = itemsOf(body).flatMap((item) => (typeof item['id'] === 'string' ? [item['id']] : []))
    if (taken.length !== size)
      throw new Error(`a batch was refused: ${status} ${JSON.stringify(body).slice(0, 500)}`)
    ids.push(...taken)
  }
  return ids
}

function itemsOf(body: Answer['body']): Record<string, unknown>[] {
  const list = Object.values(body).find(Array.isArray)
  return (list ?? []) as Record<string, unknown>[]
}

function asObject(text: string): Record<string, unknown> {
  const value: unknown = text === '' ? {} : JSON.parse(text)
  return Array.isArray(value) ? { data: value } : (value as Record<string, unknown>)
}
