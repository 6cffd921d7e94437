/** Tells people that fallbacks answered in place of an app. */
export interface NewNotification {
  /** UUIDv7, fixed when it was made; later ones of a writer have greater ids */
  readonly id: string
  readonly appId: string
  readonly capability: string
  /** where those are who want to know; null: nowhere in particular */
  readonly roomId: string | null
  readonly reason: string
  readonly strategy: string
  /** calls that it tells of */
  readonly count: number
  readonly firstAt: Date
  readonly lastAt: Date
  /** the last of the calls */
  readonly callId: string
}

/** Of each writer what it added to a notification last, as `[id, count]`. */
export type NotificationParts = Readonly<Record<string, readonly [id: string, count: number]>>

/** A notification that others are folded into. */
export interface FoldedNotification extends NewNotification {
  readonly parts: NotificationParts
}
