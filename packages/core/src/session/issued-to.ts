import { subjectKey } from '../protocol/subject-key.ts'
import type { SessionAccount } from './record.ts'

/** The client at one authorization server that an account may be of. */
interface Client {
  identity(): string
}

type Issued = Pick<SessionAccount, 'id' | 'subject'>

/** The client that each account was last found to be of: a session's record is shared by many requests. */
const known = new WeakMap<Issued, Client>()

/** True when the account was issued by the server, and to the client, that its provider is configured with now. */
export function isIssuedTo(client: Client, account: Issued): boolean {
  if (known.get(account) === client) return true
  if (subjectKey(client, account.id) !== account.subject) return false
  known.set(account, client)
  return true
}
