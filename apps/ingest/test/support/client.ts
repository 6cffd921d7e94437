import type { ProblemDocument } from '../../src/problems/problem.ts'

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** the body as JSON */
  json<T = Record<string, unknown>>(): T
  /** the body as a problem document; fails where it is none */
  problem(): ProblemDocument
}

export interface Call {
  readonly method?: string
  readonly body?: string | Uint8Array
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Speaks to a service over a real socket with one key. */
export type Client = (path: string, call?: Call) => Promise<Answer>

export function clientOf(url: string, key?: string): Client {
  return async (path, { method, body, json, headers = {} } = {}) => {
    const sent = json === undefined ? body : JSON.stringify(json)
    const response = await fetch(url + path, {
      method: method ?? (sent === undefined ? 'GET' : 'POST'),
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(sent !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent !== undefined && { body: sent }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: <T>() => JSON.parse(text) as T,
      problem: () => {
        if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
          throw new Error(`${response.status} is no problem document: ${text}`)
        }
        return JSON.parse(text) as ProblemDocument
      },
    }
  }
}
