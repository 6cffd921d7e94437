import type { FailureClass, Verdict } from '@posthorn/core'

/** One HTTP request to make. */
export interface DispatchRequest {
  readonly url: string
  /** `POST` unless given. */
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET' | 'HEAD'
  readonly headers: Readonly<Record<string, string>>
  /** Sent as it is; a string stands for its UTF-8 bytes. */
  readonly body: Uint8Array | string
  /** Milliseconds for everything together: waiting for a connection, DNS, TCP, TLS, headers and body. */
  readonly timeoutMs: number
  /** Milliseconds for DNS, TCP and TLS together, where a new connection is made. */
  readonly connectTimeoutMs: number
  /** Bytes of the response's body that are kept. */
  readonly responseLimitBytes: number
  /** Statuses that mean success; 2xx unless given. */
  readonly successCodes?: readonly number[]
  /** When to keep headers and body of the response; `failures` unless given. */
  readonly capture?: 'failures' | 'always' | 'never'
  /** Gives the request up: the result is then `requeue`, `shutdown`. */
  readonly signal?: AbortSignal
}

/** Where the time went, milliseconds. */
export interface DispatchTiming {
  /** Resolving the name; absent on a kept-alive connection and for address literals. */
  readonly dnsMs?: number
  /** TCP and TLS, after resolving; absent on a kept-alive connection. */
  readonly connectMs?: number
  /** From the request's last byte handed to the socket to the response's headers. */
  readonly firstByteMs?: number
  readonly totalMs: number
}

/** What came of a request. `failure`, `errorCode` and `errorMessage` are there exactly when the verdict is not success. */
export interface DispatchResult {
  readonly verdict: Verdict
  readonly failure?: FailureClass
  /** A stable word for programs: `HTTP_503`, `ECONNREFUSED`, `TIMEOUT`, `CONNECT_TIMEOUT`, `BLOCKED`, … */
  readonly errorCode?: string
  /** One sentence for people, without addresses. */
  readonly errorMessage?: string
  readonly status?: number
  /** Lower-case names; several values are joined by `, `. The text is the receiver's: see `toStorableText`. */
  readonly responseHeaders?: Record<string, string>
  readonly responseBody?: Uint8Array
  /** True when `responseBody` lacks bytes that the receiver sent or announced. */
  readonly responseTruncated: boolean
  /** What `Retry-After` of a failed response asks for. */
  readonly retryAfterMs?: number
  readonly timing: DispatchTiming
  /** Bytes of the request's body that were handed to the socket. */
  readonly bytesSent: number
  /** Bytes of the response's body that arrived, kept or not. */
  readonly bytesReceived: number
}
