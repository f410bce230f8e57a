"""The forms of the Procore pages."""

from procore_sync.forms.commitment import CommitmentForm
from procore_sync.forms.connection import ConnectionForm, UserForm
from procore_sync.forms.review import ReviewForm

__all__ = ["CommitmentForm", "ConnectionForm", "ReviewForm", "UserForm"]
