/** One line of the doctor's: what was looked at, and what to do about it. */
export interface Finding {
  readonly about: string
  readonly level: 'ok' | 'warning' | 'problem'
  readonly text: string
}
