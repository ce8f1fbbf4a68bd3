"""Questions about an utterance for a language model: templates, context, knowledge, tokens."""

from affectkit.conversation.prompts.chat import ChatMessage, Turn
from affectkit.conversation.prompts.chat_tokenizer import ChatTokenizer
from affectkit.conversation.prompts.conversation_prompter import ConversationPrompter, Example
from affectkit.conversation.prompts.cue_verbalizer import CUE_SLOTS, ClipCues, CueVerbalizer
from affectkit.conversation.prompts.prompt_template import SLOTS, PromptError, PromptTemplate
from affectkit.conversation.prompts.shipped_templates import TEMPLATES, prompt_template
from affectkit.conversation.prompts.utterance_knowledge import UtteranceKnowledge, UtteranceReading

__all__ = [
    "CUE_SLOTS",
    "SLOTS",
    "TEMPLATES",
    "ChatMessage",
    "ChatTokenizer",
    "ClipCues",
    "ConversationPrompter",
    "CueVerbalizer",
    "Example",
    "PromptError",
    "PromptTemplate",
    "Turn",
    "UtteranceKnowledge",
    "UtteranceReading",
    "prompt_template",
]
