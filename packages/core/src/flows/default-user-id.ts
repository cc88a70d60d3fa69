import type { User } from '../protocol/user.ts'

/** The user id of somebody whom the app gives none: the account itself. */
export function defaultUserId({ provider, id }: User): string {
  return `${provider}:${id}`
}
