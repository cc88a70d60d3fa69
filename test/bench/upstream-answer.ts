import { tokenMark } from './bench-user.ts'

/** What the API answers about whoever a token belongs to. */
export interface UpstreamAnswer {
  readonly token: string
  readonly items: readonly { readonly id: number; readonly title: string }[]
}

const items = Array.from({ length: 10 }, (_, id) => ({ id, title: `A title of the usual length, ${id}` }))

/** What the API answers for this token. */
export function upstreamAnswer(accessToken: string): UpstreamAnswer {
  return { token: tokenMark(accessToken), items }
}
