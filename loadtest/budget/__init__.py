"""The parts of the budget soak: what is asked (scene), of whom (nodes), by whom (clients), amid what (chaos), and who is right
(books, judge). It knows the gateway as its users do: by HTTP, the command line, and the ledger's file."""
