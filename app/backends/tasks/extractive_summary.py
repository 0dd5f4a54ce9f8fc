"""Summaries by a small model: it chooses among the text's own central sentences.

Left to write freely, a model of 135 million parameters invents names and numbers. Here it writes under a grammar that
offers whole sentences of the text, in their order: it decides which to say and when to stop, and can neither invent,
repeat nor cut one.
"""

from collections.abc import Iterable, Sequence

from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import ranked, select_central, truncate

# what the model may choose from: more is read and written too slowly for four callers at a time
OFFERED_TOKENS = 260
# of a summary that is filled up to a minimum
MOST_TOKENS = 1000


def candidates(text: str, found: Sequence[str], shortest: int, longest: int) -> list[str]:
    """Return what the model may choose from: more than it may say, but less than the text, and sentences only."""
    whole = [sentence for sentence in found if not sentence.endswith("…")]
    budget = max(shortest, min(2 * longest, estimated_tokens(text) * 6 // 10))
    return select_central(whole, min(OFFERED_TOKENS, budget)) or ranked(whole)[:1]


def prompt(choices: Sequence[str]) -> str:
    """Return the user message; a small model follows an instruction best where it comes last."""
    return " ".join(choices) + "\n\nSummarize the text above in three sentences."


def grammar(choices: Sequence[str]) -> str:
    """Return llama.cpp's grammar (GBNF) for the most central sentence, and each of the others if wanted, in order.

    The one is required because a model that is free to skip it chooses its opening by the first token alone.
    """
    top = ranked(choices)[0]
    quoted = ((choice, choice.replace("\\", "\\\\").replace('"', '\\"')) for choice in choices)
    return "root ::= " + " ".join(f'("{text} "){"" if choice == top else "?"}' for choice, text in quoted)


def parse_selection(answer: str, choices: Iterable[str]) -> list[str]:
    """Return the sentences that the answer says to their end."""
    said = []
    for choice in choices:
        if f"{answer} ".startswith(f"{choice} "):
            said.append(choice)
            answer = answer[len(choice) + 1 :]
    return said


def summary(said: Sequence[str], found: Sequence[str], shortest: int, longest: int) -> str:
    """Return what was said, with central sentences added up to `shortest` tokens; with nothing said, the most central.

    Ends whole, and cut with an ellipsis only where not one sentence fits into `longest` tokens.
    """
    picked = set(said)
    tokens = sum(map(estimated_tokens, said))
    for sentence in ranked(select_central(found, 2 * longest)):
        if picked and tokens >= shortest:
            break
        more = estimated_tokens(sentence)
        if sentence not in picked and tokens + more <= longest:
            picked.add(sentence)
            tokens += more
    return " ".join(one for one in found if one in picked) or truncate(" ".join(found), longest)
