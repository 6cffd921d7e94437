import type { Stack } from '../stack.ts'

/** What a user of the platform saw of one call. */
export interface SeenCall {
  readonly capability: string
  /** of the HTTP answer */
  readonly status: number
  readonly outcome: string
  readonly reason: string | undefined
  readonly data: unknown
  readonly ms: number
}

/** The platform: asks an app through Posthorn while its own users wait, and keeps what they saw. */
export class Platform {
  readonly seen: SeenCall[] = []
  readonly #stack: Stack
  #appPath = ''
  #appId = ''

  constructor(stack: Stack) {
    this.#stack = stack
  }

  get appId(): string {
    return this.#appId
  }

  /** Makes the app and tells what it can be asked; answers its secret. */
  async register(name: string, webhooks: Readonly<Record<string, unknown>>): Promise<string> {
    const app = await this.#ask<{ id: string; secret: string }>('POST', '/apps', { name })
    this.#appId = app.id
    this.#appPath = `/apps/${app.id}`
    await this.#ask('PUT', `${this.#appPath}/manifest`, { webhooks })
    return app.secret
  }

  async call(capability: string, payload: unknown, roomId: string): Promise<SeenCall> {
    const startedAt = performance.now()
    const path = `${this.#appPath}/capabilities/${capability}/call`
    const response = await this.#send('POST', path, { payload, context: { roomId } })
    const result = (await response.json()) as Pick<SeenCall, 'outcome' | 'data'> & { reason?: string }
    const seen = {
      capability,
      status: response.status,
      outcome: result.outcome,
      reason: result.reason,
      data: result.data,
      ms: performance.now() - startedAt,
    }
    this.seen.push(seen)
    return seen
  }

  approve(approvalId: string): Promise<{ status: string }> {
    return this.#ask('POST', `/approvals/${approvalId}/approve`)
  }

  /** How many fallbacks the organizer of a room was told of, and in how many notifications. */
  async told(roomId: string): Promise<{ notifications: number; fallbacks: number }> {
    const { data } = await this.#ask<{ data: { count: number }[] }>(
      'GET',
      `/notifications?limit=200&room=${roomId}`,
    )
    return { notifications: data.length, fallbacks: data.reduce((sum, { count }) => sum + count, 0) }
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#send(method, path, body)
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  #send(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#stack.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#stack.key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }
}
