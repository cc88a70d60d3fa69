/** One line of the doctor's: what was looked at, and what to do about it. */
export interface Finding {
  readonly about: string
  readonly level: 'ok' | 'warning' | 'problem'
  readonly text: string
}

export function ok(about: string, text: string): Finding {
  return { about, level: 'ok', text }
}

export function warning(about: string, text: string): Finding {
  return { about, level: 'warning', text }
}

export function problem(about: string, text: string): Finding {
  return { about, level: 'problem', text }
}
